// Batch norm and feature norm through the API, with the numbers of PAIN.md: freezing, statistics, folding, adapting,
// and metrics at their edges.
import { metrics, nn, optim, type Tensor, Trainer, tensor } from "evenkeel";
import { describe, expect, it } from "vitest";
import { bits, caught, numbers, run, values } from "./support.js";

type Values = { readonly data: Float32Array };
const stats = (model: nn.Module<nn.Features, nn.Features>, at = "") => {
  const state = model.state();
  return ["running_mean", "running_var"].map((name) => Array.from((state[at + name] as Values).data));
};
const near = (got: readonly number[], want: readonly number[], digits = 5) =>
  expect(got).toEqual(want.map((v) => expect.closeTo(v, digits)));
const x = { data: numbers(40), shape: [10, 4] };

describe("a frozen batch norm (keras#7085, #4762)", () => {
  const batch = [[10], [20]];
  it("keeps its statistics in training and normalises by them", () => {
    const norm = nn.batchNorm(1, { eps: 1e-3 }).freeze();
    near(values(norm.train().forward(batch)), [9.9950037, 19.9900075]);
    expect(stats(norm)).toEqual([[0], [1]]);
    // Thawed, it is what a layer in training is: ±1 of the batch.
    near(values(norm.freeze(false).forward(batch)), [-0.99998, 0.99998]);
    near(stats(norm).flat(), [1.5, 0.9 + 5]);
  });
  it.each<[string, (norm: nn.CoreModule<1, 1>) => nn.Module<1, 1>]>([
    ["in a sequence", (norm) => nn.sequential(nn.sequential(norm), nn.dense(1, 1))],
    [
      "in a class of one's own",
      (norm) =>
        new (class extends nn.Module<1, 1> {
          readonly parts = [norm, nn.dense(1, 1)] as const;
          forward(t: Tensor) {
            return this.parts[1].forward(this.parts[0].forward(t));
          }
        })(),
    ],
  ])("through training steps %s; what is not frozen moves", async (_, build) => {
    const norm = nn.batchNorm(1, { eps: 1e-3 }).freeze();
    const model = build(norm);
    const before = bits(model);
    const trainer = new Trainer(model, { loss: "mse", optimizer: optim.sgd({ lr: 1e-3 }) });
    await run(trainer, { x: batch, y: [1, 2], epochs: 3 });
    trainer.step(batch, [1, 2]);
    expect(stats(norm)).toEqual([[0], [1]]);
    const moved = Object.entries(bits(model)).filter(([name, value]) => String(value) !== String(before[name]));
    expect(moved.map(([name]) => name.replace(/.*\.1\./, "1."))).toEqual(["1.weight", "1.bias"]);
  });
});

describe("which statistics normalise", () => {
  const norm = (statistics: "auto" | "batch" | "running") => nn.batchNorm(1, { statistics });
  const batch = [[10], [20]];
  const [ofBatch, ofRunning] = [
    [-1, 1],
    [9.99995, 19.9999],
  ] as const;
  it.each([
    ["auto", ofBatch, ofRunning, true],
    ["batch", ofBatch, ofBatch, true],
    ["running", ofRunning, ofRunning, false],
  ] as const)("%s", (statistics, training, evaluating, moves) => {
    const model = norm(statistics);
    near(values(model.predict(batch)), evaluating, 4);
    near(values(model.forward(batch)), training, 4);
    expect(stats(model)[0]).toEqual([moves ? expect.closeTo(1.5, 5) : 0]);
  });
  it("the batch's in eval move nothing and need two rows", () => {
    const model = norm("batch").eval();
    model.forward(batch);
    expect(stats(model)).toEqual([[0], [1]]);
    expect(caught(() => model.predict([[1]])).code).toBe("BATCH_NORM_ONE_VALUE");
    expect(values(norm("auto").predict([[0]]))).toEqual([0]);
  });
  it("without running statistics they are the batch's, and there is nothing to recalibrate", () => {
    const model = nn.batchNorm(1, { trackRunningStats: false });
    near(values(model.predict(batch)), ofBatch, 4);
    expect(Object.keys(model.state())).toEqual(["weight", "bias"]);
    const before = model.state();
    model.recalibrate(batch);
    expect(model.state()).toEqual(before);
    // A layer beside it that has statistics gets its own.
    const both = nn.sequential(model, nn.batchNorm(1));
    both.recalibrate(batch);
    expect(both.state()["1.num_batches_tracked"]).toBe(1);
  });
  it("the average of unequal batches takes each one's own unbiased variance", () => {
    const model = nn.batchNorm(1);
    model.recalibrate([tensor([[1], [2], [3]]), tensor([[10], [20]])], { method: "average" });
    near(stats(model).flat(), [8.5, 25.5]);
  });
});

describe("folding (yolov3#807, tt-metal#5317)", () => {
  const folded = (bias: boolean) => {
    const model = nn.sequential(nn.dense(2, 1, { bias }), nn.batchNorm(1, { eps: 0 }), nn.relu());
    const value = (...data: number[]) => ({ data: Float32Array.from(data), shape: [1] });
    model.loadState(
      {
        "0.weight": { data: Float32Array.of(2, -1), shape: [1, 2] },
        ...(bias ? { "0.bias": value(3) } : {}),
        "1.weight": value(2),
        "1.bias": value(1),
        "1.running_mean": value(4),
        "1.running_var": value(0.25),
      },
      { strict: false },
    );
    return [model, model.foldBatchNorm()] as const;
  };
  // γ/σ = 4: W' = 4·W, b' = 4·(b − 4) + 1.
  it.each([
    [true, -3],
    [false, -15],
  ])("W' = [8, −4], with a bias (%s) b' = %d; predictions are the same", (bias, b) => {
    const [model, fast] = folded(bias);
    const state = fast.state() as Record<string, Values>;
    expect(Object.keys(state)).toEqual(["0.weight", "0.bias"]);
    expect([state["0.weight"], state["0.bias"]].map((v) => Array.from((v as Values).data))).toEqual([[8, -4], [b]]);
    const rows = { data: numbers(40).map((v) => 8 * v), shape: [20, 2] };
    near(values(fast.predict(rows)), values(model.predict(rows)), 4);
    expect(values(fast.predict(rows)).some((v) => v > 0)).toBe(true);
    expect(Object.keys(model.state())).toContain("1.running_var");
  });
  it("leaves a batch norm that follows no dense layer", () => {
    const model = nn.sequential(nn.batchNorm(4), nn.dense(4, 4), nn.relu(), nn.batchNorm(4));
    model.forward(x);
    const fast = model.foldBatchNorm();
    expect(fast.spec.children?.map(({ type }) => type)).toEqual(["batch_norm", "linear", "relu", "batch_norm"]);
    expect(values(fast.predict(x))).toEqual(values(model.predict(x)));
  });
});

describe("recalibration", () => {
  // Eval of 10 where every batch has mean 10 and variance 4 (keras#10666).
  it("makes averages that are not warmed up right, and keeps mode and parameters", () => {
    const norm = nn.batchNorm(1, { variance: "biased" });
    for (let i = 0; i < 10; i++) norm.forward([[8], [12]]);
    expect(norm.predict([[10]]).item()).toBeCloseTo(2.029, 3);
    const [weight, bias] = norm.parameters().map(values);
    norm.eval().recalibrate([[8], [12]]);
    expect(norm.predict([[10]]).item()).toBe(0);
    expect([norm.mode, ...norm.parameters().map(values)]).toEqual(["eval", weight, bias]);
  });
  it("pooled takes all values together, average the batches' means; each in the layer's own variance", () => {
    const [small, even, ragged] = [tensor([[1], [2], [3]]), tensor([[10], [20], [30]]), tensor([[10], [20]])];
    for (const [method, variance, second, want] of [
      // Mean 11, Σ(x − 11)² = 688.
      ["pooled", "biased", even, [11, 688 / 6]],
      ["pooled", "unbiased", even, [11, 688 / 5]],
      // PAIN.md, flower#1060: 7.2 and 50.96, not 10.4.
      ["pooled", "biased", ragged, [7.2, 50.96]],
      // Means 2 and 20; Σ of squares 2 and 200, over 3 or 2.
      ["average", "biased", even, [11, 202 / 6]],
      ["average", "unbiased", even, [11, 202 / 4]],
      ["average", "biased", ragged, [8.5, (2 / 3 + 25) / 2]],
    ] as const) {
      const norm = nn.batchNorm(1, { variance });
      norm.recalibrate([small, second], { method });
      near(stats(norm).flat(), want, 4);
    }
  });
});

describe("feature norm", () => {
  const rows = [
    [1, 100, 7],
    [3, 300, 7],
  ];
  it("adapts to mean and deviation of each feature; a constant one becomes 0", () => {
    const norm = nn.featureNorm(3);
    expect(caught(() => norm.forward(rows)).code).toBe("NOT_ADAPTED");
    expect(norm.adapt(rows)).toBe(norm);
    expect(norm.state()).toEqual({
      mean: { data: Float32Array.of(2, 200, 7), shape: [3] },
      std: { data: Float32Array.of(1, 100, 0), shape: [3] },
      num_rows: 2,
    });
    expect(norm.forward(rows).toNested()).toEqual([
      [-1, -1, 0],
      [1, 1, 0],
    ]);
    expect(norm.parameters()).toEqual([]);
  });
  it("divides all by one number with std: shared", () => {
    const norm = nn.featureNorm(3).adapt(rows, { std: "shared" });
    // The root of the mean of the variances 1, 10000 and 0.
    const std = Math.sqrt(10001 / 3);
    near(values(norm.forward(rows)), [-1 / std, -100 / std, 0, 1 / std, 100 / std, 0]);
  });
  it("is not moved by training, and adapts anew", async () => {
    const norm = nn.featureNorm(3).adapt(rows);
    const before = bits(norm);
    await run(new Trainer(nn.sequential(norm, nn.dense(3, 1)), { loss: "mse" }), { x: rows, y: [0, 1], epochs: 2 });
    expect(bits(norm)).toEqual(before);
    expect(norm.adapt([[0, 0, 0], [2, 4, 6]]).predict([[1, 2, 6]]).toNested()).toEqual([[0, 0, 1]]); // biome-ignore format: rows
  });
});

describe("metrics at their edges", () => {
  const binary = (outputs: number[], y: number[]): metrics.MetricInput => ({
    outputs: Float32Array.from(outputs),
    width: 1,
    rows: outputs.length,
    labels: undefined,
    values: Float32Array.from(y),
  });
  const scores = (input: metrics.MetricInput) =>
    [metrics.precision, metrics.recall, metrics.f1].map((metric) => metric.compute(input));
  it("0/0 counts 0: nothing predicted, nothing there, neither", () => {
    expect(scores(binary([-1, -1], [1, 0]))).toEqual([0, 0, 0]);
    expect(scores(binary([1, -1], [0, 0]))).toEqual([0, 0, 0]);
    expect(scores(binary([-1, -1], [0, 0]))).toEqual([0, 0, 0]);
    expect(scores(binary([1, 1], [1, 1]))).toEqual([1, 1, 1]);
    // A logit of 0 is not above 0.
    expect(metrics.confusionMatrix(binary([0], [1]))).toEqual([[0, 0], [1, 0]]); // biome-ignore format: a matrix
  });
  it("outputs that are not numbers hit nothing", () => {
    const nan: metrics.MetricInput = {
      outputs: new Float32Array(6).fill(Number.NaN),
      width: 3,
      rows: 2,
      labels: Int32Array.of(1, 2),
      values: undefined,
    };
    expect(metrics.topK(2).compute(nan)).toBe(0);
    expect(metrics.accuracy.compute(nan)).toBe(0);
  });
});
