// Metrics against values counted by hand, alone and through `evaluate`.
import { metrics, nn, Trainer, type Trainer as TrainerType } from "evenkeel";
import { describe, expect, it } from "vitest";
import { caught, classData, classifier, run } from "./support.js";

type Input = metrics.MetricInput;
const input = (rows: number[][], target: { labels?: number[]; values?: number[] }): Input => ({
  outputs: Float32Array.from(rows.flat()),
  width: (rows[0] as number[]).length,
  rows: rows.length,
  labels: target.labels === undefined ? undefined : Int32Array.from(target.labels),
  values: target.values === undefined ? undefined : Float32Array.from(target.values),
});

describe("three classes", () => {
  // Predicted 0, 0, 1, 2, 1, 0 where 0, 1, 1, 2, 2, 0 is right.
  const logits = [
    [3, 1, 2],
    [2, 1, 0],
    [0, 5, 1],
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 0.5],
  ];
  const some = input(logits, { labels: [0, 1, 1, 2, 2, 0] });
  it("confusion matrix: rows actual, columns predicted", () => {
    expect(metrics.confusionMatrix(some)).toEqual([
      [2, 0, 0],
      [1, 1, 0],
      [0, 1, 1],
    ]);
  });
  it("accuracy", () => expect(metrics.accuracy.compute(some)).toBeCloseTo(4 / 6, 12));
  it("top-k", () => {
    expect(metrics.topK(1).compute(some)).toBeCloseTo(4 / 6, 12);
    expect(metrics.topK(2).compute(some)).toBe(1);
    expect(metrics.topK(2).name).toBe("top2");
    // The right class is last in the second row only.
    expect(
      metrics.topK(2).compute(
        input(
          [
            [3, 2, 1],
            [3, 2, 1],
          ],
          { labels: [1, 2] },
        ),
      ),
    ).toBe(0.5);
    expect(caught(() => metrics.topK(0)).code).toBe("BAD_ARGUMENT");
  });
  it("precision, recall and F1 are the means over classes", () => {
    const [p, r] = [
      [2 / 3, 1 / 2, 1],
      [1, 1 / 2, 1 / 2],
    ] as const;
    const mean = (v: readonly number[]) => v.reduce((a, b) => a + b) / 3;
    expect(metrics.precision.compute(some)).toBeCloseTo(mean(p), 12);
    expect(metrics.recall.compute(some)).toBeCloseTo(mean(r), 12);
    const f = p.map((x, i) => (2 * x * (r[i] as number)) / (x + (r[i] as number)));
    expect(metrics.f1.compute(some)).toBeCloseTo(mean(f), 12);
  });
  it("a class that is never predicted and never right counts 0", () => {
    const none = input(
      [
        [1, 0],
        [1, 0],
      ],
      { labels: [0, 0] },
    );
    expect(metrics.precision.compute(none)).toBe(0.5);
    expect(metrics.recall.compute(none)).toBe(0.5);
    expect(metrics.f1.compute(none)).toBe(0.5);
  });
  it("soft labels: the largest is the class", () => {
    const soft = input(
      [
        [1, 0],
        [0, 1],
      ],
      { values: [0.9, 0.1, 0.6, 0.4] },
    );
    expect(metrics.accuracy.compute(soft)).toBe(0.5);
  });
});

describe("one output: positive above 0", () => {
  // Predicted 1 1 1 0 0 where 1 0 1 1 0 is right: 2 hits, 1 false alarm, 1 miss.
  const some = input([[2], [1], [0.5], [-1], [-2]], { values: [1, 0, 1, 1, 0] });
  it("precision, recall and F1 are the positive class's", () => {
    expect(metrics.accuracy.compute(some)).toBeCloseTo(3 / 5, 12);
    expect(metrics.precision.compute(some)).toBeCloseTo(2 / 3, 12);
    expect(metrics.recall.compute(some)).toBeCloseTo(2 / 3, 12);
    expect(metrics.f1.compute(some)).toBeCloseTo(2 / 3, 12);
    expect(metrics.confusionMatrix(some)).toEqual([
      [1, 1],
      [1, 2],
    ]);
  });
});

describe("values", () => {
  const some = input(
    [
      [1, 2],
      [3, 5],
    ],
    { values: [1, 4, 2, 5] },
  );
  it("mean squared and absolute errors", () => {
    expect(metrics.mse.compute(some)).toBeCloseTo((0 + 4 + 1 + 0) / 4, 12);
    expect(metrics.mae.compute(some)).toBeCloseTo((0 + 2 + 1 + 0) / 4, 12);
  });
  it("R²: 1 for perfect, 0 for the mean, less for worse", () => {
    expect(metrics.r2.compute(some)).toBeCloseTo(1 - 5 / 10, 12);
    expect(metrics.r2.compute(input([[1], [2], [3]], { values: [1, 2, 3] }))).toBe(1);
    expect(metrics.r2.compute(input([[2], [2], [2]], { values: [1, 2, 3] }))).toBe(0);
    expect(metrics.r2.compute(input([[3], [2], [1]], { values: [1, 2, 3] }))).toBe(-3);
  });
  it("do not go with class labels", () => {
    expect(caught(() => metrics.mse.compute(input([[1, 2]], { labels: [1] }))).code).toBe("BAD_ARGUMENT");
  });
});

describe("through evaluate and fit", () => {
  const data = classData(10);
  it("names in results; a function of one's own sees outputs and targets of all rows", async () => {
    const model = classifier();
    const trainer: TrainerType = new Trainer(model, { loss: "crossEntropy" });
    const seen: Input[] = [];
    const own: metrics.Metric = {
      name: "share of class 1",
      compute: (all) => {
        seen.push(all);
        return (all.labels as Int32Array).filter((l) => l === 1).length / all.rows;
      },
    };
    const result = await trainer.evaluate(data, { metrics: ["accuracy", "f1", metrics.topK(2), own], batchSize: 4 });
    const logits = model.predict(data.x);
    const right = logits
      .argmax(1)
      .toArray()
      .filter((c, i) => c === data.y[i]).length;
    expect(result.rows).toBe(10);
    expect(result.accuracy).toBeCloseTo(right / 10, 12);
    expect(Object.keys(result.metrics)).toEqual(["accuracy", "f1", "top2", "share of class 1"]);
    expect(result.metrics["accuracy"]).toBe(result.accuracy);
    expect(result.metrics["share of class 1"]).toBe(data.y.filter((l) => l === 1).length / 10);
    expect(seen[0]).toMatchObject({ width: 3, rows: 10, values: undefined });
    expect(Array.from((seen[0] as Input).outputs)).toEqual(Array.from(logits.toArray()));
    expect(result.loss).toBeCloseTo(nn.crossEntropy(logits, data.y).item(), 6);
  });
  it("values: mse is the loss, r2 and accuracy as they are defined", async () => {
    const trainer = new Trainer(nn.dense(4, 1), { loss: "mse" });
    const [epoch] = await run(trainer, { ...data, validation: 0.3, metrics: ["mse", "mae", "r2"] });
    const { loss, accuracy, metrics: m } = epoch?.validation ?? expect.fail("no validation");
    expect(m["mse"]).toBeCloseTo(loss, 6);
    expect(m["mae"] as number).toBeGreaterThan(0);
    expect(m["r2"] as number).toBeLessThan(1);
    expect(accuracy).toBeNaN();
  });
  it("binary outputs", async () => {
    const model = nn.dense(4, 1);
    const trainer = new Trainer(model, { loss: "bceWithLogits" });
    const y = data.y.map((c) => Number(c === 0));
    const result = await trainer.evaluate({ x: data.x, y }, { metrics: ["accuracy", "precision", "recall"] });
    const predicted = Array.from(model.predict(data.x).toArray(), (v) => Number(v > 0));
    expect(result.accuracy).toBeCloseTo(predicted.filter((p, i) => p === y[i]).length / 10, 12);
    expect(result.metrics["accuracy"]).toBe(result.accuracy);
    const hits = predicted.filter((p, i) => p === 1 && y[i] === 1).length;
    expect(result.metrics["recall"]).toBeCloseTo(hits / y.filter((v) => v === 1).length, 12);
  });
});
