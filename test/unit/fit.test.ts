// The training loop: forms of data, validation, early stopping, the last batch, reports, and its ends.
import {
  indices,
  init,
  manualSeed,
  nn,
  optim,
  Trainer,
  type TrainerOptions,
  type TrainingData,
  tensor,
  type Warning,
  warnings,
} from "evenkeel";
import { describe, expect, it } from "vitest";
import { bits, classData, classifier, numbers, rejected, rowsOf, run } from "./support.js";

const data = classData(24);
const nested = Array.from({ length: 24 }, (_, r) => Array.from(data.x.data.subarray(4 * r, 4 * r + 4)));
const make = (options: Partial<TrainerOptions> = {}, seed = 5) => {
  const model = classifier(seed);
  return {
    model,
    trainer: new Trainer(model, { loss: "crossEntropy", optimizer: optim.adam({ lr: 0.01 }), seed: 1, ...options }),
  };
};
const batches = (size: number): TrainingData[] =>
  Array.from({ length: 24 / size }, (_, i) => rowsOf(data, i * size, (i + 1) * size));

describe("forms of data", () => {
  const trained = async (given: TrainingData) => {
    const { model, trainer } = make();
    await run(trainer, { ...given, epochs: 2, batchSize: 8 });
    return bits(model);
  };
  it.each<[string, TrainingData]>([
    ["typed arrays with a shape", { x: data.x, y: Int32Array.from(data.y) }],
    ["nested arrays", { x: nested, y: data.y }],
    ["rows that are typed arrays", { x: nested.map((r) => Float64Array.from(r)), y: Uint8Array.from(data.y) }],
    ["tensors", { x: tensor(data.x), y: indices(data.y) }],
    ["labels with a shape", { x: data.x, y: { data: data.y, shape: [24] } }],
  ])("%s", async (_, given) => {
    expect(await trained(given)).toEqual(await trained(data));
  });
  it("soft labels of one class each train as the class does", async () => {
    const soft = data.y.map((c) => [0, 1, 2].map((k) => Number(k === c)));
    const [a, b] = [make(), make()];
    const [one] = await run(a.trainer, { ...data, batchSize: 24 });
    const [two] = await run(b.trainer, { x: data.x, y: soft, batchSize: 24 });
    expect(two?.loss).toBeCloseTo(one?.loss as number, 6);
    expect(two?.accuracy).toBe(one?.accuracy);
  });
  it("values in a row are a column", async () => {
    const ends = async (y: TrainingData["y"]) => {
      manualSeed(2);
      const model = nn.dense(4, 1);
      await run(new Trainer(model, { loss: "mse" }), { x: data.x, y });
      return bits(model);
    };
    expect(await ends(data.y)).toEqual(await ends(data.y.map((v) => [v])));
  });
  it("iterables, async iterables and functions that make them give the same as rows in order", async () => {
    const plain = make();
    await run(plain.trainer, { ...data, epochs: 2, batchSize: 8, shuffle: false });
    async function* slowly() {
      for (const batch of batches(8)) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        yield batch;
      }
    }
    for (const source of [batches(8), () => batches(8).values(), slowly]) {
      const { model, trainer } = make();
      const epochs = await run(trainer, { batches: source, epochs: 2 });
      expect(epochs.map((e) => e.rows)).toEqual([24, 24]);
      expect(bits(model)).toEqual(bits(plain.model));
    }
  });
  it("a generator that is used up says so instead of giving an empty epoch", async () => {
    const { trainer } = make();
    const error = await rejected(() => run(trainer, { batches: batches(8).values(), epochs: 2 }));
    expect(error.message).toMatch(/gave none in epoch 1\. A generator runs once/);
    expect(trainer.epoch).toBe(1);
  });
});

describe("validation", () => {
  it("a share of the rows, by a seeded shuffle", async () => {
    const { model, trainer } = make();
    const [epoch] = await run(trainer, { ...data, validation: 0.25, batchSize: 8, metrics: ["accuracy"] });
    expect([epoch?.rows, epoch?.validation?.rows]).toEqual([18, 6]);
    expect(epoch?.validation?.metrics["accuracy"]).toBe(epoch?.validation?.accuracy);
    expect(model.mode).toBe("train");
    const [again, other] = [make(), make({ seed: 2 })];
    const [same] = await run(again.trainer, { ...data, validation: 0.25, batchSize: 8 });
    const [different] = await run(other.trainer, { ...data, validation: 0.25, batchSize: 8 });
    expect(same?.validation?.loss).toBe(epoch?.validation?.loss);
    expect(different?.validation?.loss).not.toBe(epoch?.validation?.loss);
  });
  it("data of its own: what evaluate says", async () => {
    const { trainer } = make();
    const held = classData(10, 4, 3, 7);
    const [epoch] = await run(trainer, { ...data, validation: held });
    expect(epoch?.rows).toBe(24);
    const { loss, accuracy } = await trainer.evaluate(held);
    expect(epoch?.validation).toMatchObject({ loss, accuracy, rows: 10 });
    const [streamed] = await run(trainer, { batches: batches(12), validation: held, metrics: ["f1"] });
    expect(streamed?.validation?.metrics["f1"]).toBeGreaterThanOrEqual(0);
  });
  it("stratified, each class in its proportion; a class missing on a side is a warning", async () => {
    const y = Array.from({ length: 20 }, (_, i) => Number(i >= 16) * 2);
    const x = { data: numbers(80), shape: [20, 4] };
    warnings();
    await run(make().trainer, { x, y, validation: 0.25, stratify: true });
    expect(warnings()).toEqual([]);
    await run(make().trainer, { x, y: y.map((_, i) => Number(i === 0)), validation: 0.5 });
    const [warning] = warnings();
    expect(warning?.code).toBe("CLASS_MISSING");
    expect(warning?.message).toMatch(/^Class 1 is (only in|missing from) the validation rows.* Try stratify: true\.$/);
  });
});

describe("early stopping", () => {
  const validation = classData(12, 4, 3, 99);
  it("stops after patience epochs without improvement and restores the best weights", async () => {
    const { model, trainer } = make({ optimizer: optim.sgd({ lr: 3 }) });
    const states: unknown[] = [];
    const losses: number[] = [];
    for await (const epoch of trainer.fit({
      ...data,
      epochs: 60,
      batchSize: 6,
      validation,
      earlyStopping: { patience: 4 },
    })) {
      states.push(bits(model));
      losses.push(epoch.validation?.loss as number);
    }
    const best = losses.indexOf(Math.min(...losses));
    expect(losses.length).toBeLessThan(60);
    expect(losses.length).toBe(best + 5);
    expect(bits(model)).toEqual(states[best]);
  });
  it("keeps the last weights if asked to, and watches what it is told to", async () => {
    const { model, trainer } = make({ optimizer: optim.sgd({ lr: 0 }) });
    const seen = await run(trainer, {
      ...data,
      epochs: 60,
      validation,
      metrics: ["recall"],
      earlyStopping: { monitor: "recall", patience: 2, restoreBest: false },
    });
    expect(seen.length).toBe(3);
    expect(model.mode).toBe("train");
    const onTraining = await run(make({ optimizer: optim.sgd({ lr: 0.1 }) }).trainer, {
      ...data,
      epochs: 5,
      earlyStopping: { monitor: "loss", mode: "max", patience: 1 },
    });
    expect(onTraining.length).toBe(2);
    const needsMore = await run(make({ optimizer: optim.sgd({ lr: 0.01 }) }).trainer, {
      ...data,
      epochs: 9,
      earlyStopping: { minDelta: 100, patience: 3 },
    });
    expect(needsMore.length).toBe(4);
  });
});

describe("batches", () => {
  it.each([
    ["auto", [8, 9], 17],
    ["drop", [8, 8], 16],
    ["auto", [6, 6, 5], 17],
    ["keep", [6, 6, 5], 17],
  ] as const)("lastBatch %s: %j", async (lastBatch, sizes, rows) => {
    const { trainer } = make();
    const seen: number[] = [];
    const [epoch] = await run(trainer, {
      ...rowsOf(data, 0, 17),
      batchSize: sizes[0],
      lastBatch,
      onStep: (s) => {
        seen.push(s.rows);
        expect(s.steps).toBe(sizes.length);
      },
    });
    expect(seen).toEqual(sizes);
    expect(epoch?.rows).toBe(rows);
  });
  it("each row is seen once an epoch, in another order each time, or in its own", async () => {
    const orders: number[][] = [];
    const own = { x: Array.from({ length: 10 }, (_, i) => [i]), y: Array(10).fill(0) };
    for (const shuffle of [true, false]) {
      const seen: number[] = [];
      const trainer = new Trainer(nn.dense(1, 1), {
        loss: (output, target) => {
          void target;
          return output.mean();
        },
        seed: 4,
      });
      class Seeing extends nn.Module {
        inner = nn.dense(1, 1);
        forward(t: Parameters<nn.Module["forward"]>[0]) {
          seen.push(...t.toArray());
          return this.inner.forward(t);
        }
      }
      trainer.dispose();
      await run(new Trainer(new Seeing(), { loss: "mse", seed: 4 }), { ...own, epochs: 2, batchSize: 3, shuffle });
      orders.push(seen.slice(0, 10), seen.slice(10));
    }
    const inOrder = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    for (const order of orders) expect([...order].sort((a, b) => a - b)).toEqual(inOrder);
    expect(orders[0]).not.toEqual(orders[1]);
    expect(orders.slice(2)).toEqual([inOrder, inOrder]);
  });
});

describe("reports", () => {
  it("onStep: where the training is", async () => {
    const { trainer } = make({ clip: { norm: 1 }, optimizer: optim.sgd({ lr: 0.5 }) });
    const seen: object[] = [];
    let hits = 0;
    await run(trainer, {
      ...data,
      epochs: 2,
      batchSize: 8,
      onStep: (s) => {
        const { loss, gradNorm, accuracy, runningAccuracy, ...rest } = s;
        expect(loss).toBeGreaterThan(0);
        expect(gradNorm).toBeGreaterThan(0);
        hits = (s.step === 0 ? 0 : hits) + accuracy * s.rows;
        expect(runningAccuracy).toBeCloseTo(hits / s.rowsSeen, 12);
        seen.push(rest);
      },
    });
    expect(seen).toEqual(
      [0, 1].flatMap((epoch) =>
        [0, 1, 2].map((step) => ({ epoch, step, steps: 3, rows: 8, rowsSeen: 8 * (step + 1), lr: 0.5 })),
      ),
    );
    expect([trainer.updates, trainer.epoch]).toEqual([6, 2]);
  });
  it("an epoch: means over rows, time, learning rate", async () => {
    const { trainer } = make();
    const losses: [number, number][] = [];
    const [epoch] = await run(trainer, { ...data, batchSize: 10, onStep: (s) => losses.push([s.loss, s.rows]) });
    const mean = losses.reduce((sum, [loss, rows]) => sum + loss * rows, 0) / 24;
    expect(epoch).toMatchObject({ epoch: 0, rows: 24, lr: 0.01, loss: expect.closeTo(mean, 12) });
    expect(epoch?.seconds).toBeGreaterThan(0);
    expect(epoch?.rowsPerSecond).toBeCloseTo(24 / (epoch?.seconds as number), 6);
    expect(epoch?.validation).toBeUndefined();
  });
  it("what onStep throws ends the fit, and the trainer can be used on", async () => {
    const { trainer } = make();
    const stop = new Error("enough");
    await expect(
      run(trainer, {
        ...data,
        onStep: () => {
          throw stop;
        },
      }),
    ).rejects.toBe(stop);
    const [epoch] = await run(trainer, data);
    expect(epoch?.rows).toBe(24);
  });
});

describe("ends", () => {
  it("the signal, before and within an epoch; the next fit begins an epoch anew", async () => {
    const { trainer } = make();
    await expect(run(trainer, { ...data, signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
    expect(trainer.updates).toBe(0);
    const controller = new AbortController();
    const fit = run(trainer, {
      ...data,
      batchSize: 4,
      signal: controller.signal,
      onStep: (s) => s.step === 2 && controller.abort(new Error("enough")),
    });
    await expect(fit).rejects.toThrow("enough");
    expect(trainer.updates).toBe(3);
    const rows: number[] = [];
    const [epoch] = await run(trainer, { ...data, batchSize: 4, onStep: (s) => rows.push(s.rowsSeen) });
    expect(rows).toEqual([4, 8, 12, 16, 20, 24]);
    expect(epoch?.rows).toBe(24);
  });
  it("leaving the loop, and training on, is the same as going through", async () => {
    const [left, through] = [make(), make()];
    for await (const epoch of left.trainer.fit({ ...data, epochs: 9, batchSize: 8 })) if (epoch.epoch === 1) break;
    await run(left.trainer, { ...data, epochs: 2, batchSize: 8 });
    await run(through.trainer, { ...data, epochs: 4, batchSize: 8 });
    expect(bits(left.model)).toEqual(bits(through.model));
    expect(left.trainer.epoch).toBe(4);
  });
  it("one fit at a time", async () => {
    const { trainer } = make();
    const fit = trainer.fit({ ...data, epochs: 2 });
    await fit.next();
    const error = await rejected(() => run(trainer, data));
    expect([error.code, error.message]).toEqual(["WRONG_MODE", "A fit of this trainer is running: one at a time."]);
    await fit.return();
    expect((await run(trainer, data)).length).toBe(1);
  });
  it("no epochs is no epochs", async () => {
    const { trainer } = make();
    expect(await run(trainer, { ...data, epochs: 0 })).toEqual([]);
    expect(trainer.updates).toBe(0);
  });
  it("the event loop gets its turn", async () => {
    const { trainer } = make();
    let turns = 0;
    const timer = setInterval(() => turns++, 5);
    await run(trainer, { ...data, epochs: 4000, batchSize: 4 });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });
});

it("warnings wait to be read, once", async () => {
  await init();
  warnings();
  nn.batchNorm(2).forward([
    [1, 2],
    [3, 4],
  ]);
  const seen: Warning[] = warnings();
  expect(seen.map((w) => w.code)).toEqual(["BATCH_NORM_TWO_VALUES"]);
  expect(seen[0]?.message).toMatchInlineSnapshot(
    `"Batch norm has two values a channel: it gives ±1 whatever they are, and hardly any gradient. Use a larger batch."`,
  );
  expect(warnings()).toEqual([]);
});
