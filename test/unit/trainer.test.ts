// Steps: in the core, outside of it and by hand; weights, accumulation, clipping, averages; checkpoints.
import { nn, Optimizer, optim, schedule, type Tensor, Trainer, type TrainerOptions, tensor } from "evenkeel";
import { describe, expect, it } from "vitest";
import { bits, classData, classifier, numbers, rowsOf, run, values } from "./support.js";

const data = classData(24);
const sgd = optim.sgd({ lr: 0.1, momentum: 0.9 });
const steps = (size: number) => Array.from({ length: 24 / size }, (_, i) => rowsOf(data, i * size, (i + 1) * size));

/** A class of one's own around a built-in model: it is run in JavaScript. */
class Outside extends nn.Module<4, 3> {
  readonly inner: nn.CoreModule<4, 3>;
  constructor(inner = classifier()) {
    super();
    this.inner = inner;
  }
  forward(x: Tensor) {
    return this.inner.forward(x);
  }
}

describe("four ways to the same bits", () => {
  const byFit = async (options: Partial<TrainerOptions> = {}) => {
    const model = classifier();
    const trainer = new Trainer(model, { loss: "crossEntropy", optimizer: sgd, ...options });
    await run(trainer, { ...data, batchSize: 8, shuffle: false, epochs: 2 });
    return bits(model);
  };
  it("step by step", async () => {
    const model = classifier();
    const trainer = new Trainer(model, { loss: "crossEntropy", optimizer: sgd });
    for (const { x, y } of [...steps(8), ...steps(8)]) trainer.step(x, y);
    expect(bits(model)).toEqual(await byFit());
  });
  it("by hand", async () => {
    const model = classifier();
    const optimizer = new Optimizer(model, sgd);
    for (const { x, y } of [...steps(8), ...steps(8)]) {
      const loss = nn.crossEntropy(model.forward(x), y);
      loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
    }
    expect(bits(model)).toEqual(await byFit());
  });
  it("a model of one's own, by fit and by steps", async () => {
    const [fitted, stepped] = [new Outside(), new Outside()];
    await run(new Trainer(fitted, { loss: "crossEntropy", optimizer: sgd }), {
      ...data,
      batchSize: 8,
      shuffle: false,
      epochs: 2,
    });
    const trainer = new Trainer(stepped, { loss: "crossEntropy", optimizer: sgd });
    for (const { x, y } of [...steps(8), ...steps(8)]) trainer.step(tensor(x), Int32Array.from(y));
    expect(bits(fitted.inner)).toEqual(await byFit());
    expect(bits(stepped.inner)).toEqual(await byFit());
  });
  it("a loss of one's own", async () => {
    const model = classifier();
    const trainer = new Trainer(model, { loss: (o, y) => nn.crossEntropy(o, y), optimizer: sgd });
    const { indices } = await import("evenkeel");
    await run(trainer, { x: data.x, y: indices(data.y), batchSize: 8, shuffle: false, epochs: 2 });
    expect(bits(model)).toEqual(await byFit());
  });
  it("the shuffle of a model of one's own is the core's", async () => {
    const [a, b] = [classifier(), new Outside()];
    for (const model of [a, b]) {
      await run(new Trainer(model, { loss: "crossEntropy", optimizer: sgd, seed: 7 }), {
        ...data,
        batchSize: 5,
        epochs: 3,
      });
    }
    expect(bits(b.inner)).toEqual(bits(a));
  });
});

describe("what a step reports", () => {
  it("loss before the update, share of right predictions, rows, norm when clipping", () => {
    const model = nn.dense(2, 2, { init: { name: "constant", value: 0 } });
    const trainer = new Trainer(model, { loss: "crossEntropy", optimizer: optim.sgd({ lr: 1 }), clip: { norm: 10 } });
    const first = trainer.step(
      [
        [1, 0],
        [0, 1],
      ],
      [0, 1],
    );
    expect(first).toMatchObject({ loss: expect.closeTo(Math.LN2, 6), rows: 2, accuracy: 0.5 });
    // Each row's gradient is ±½ in two places of the weight, halved by the mean; the bias' cancel.
    expect(first.gradNorm).toBeCloseTo(0.5, 6);
    expect(
      trainer.step(
        [
          [1, 0],
          [0, 1],
        ],
        [0, 1],
      ).accuracy,
    ).toBe(1);
    expect(trainer.updates).toBe(2);
    const plain = new Trainer(nn.dense(2, 1), { loss: "mse" }).step([[1, 1]], [1]);
    expect([plain.accuracy, plain.gradNorm]).toEqual([Number.NaN, Number.NaN]);
  });
  it("step puts the model in training mode", () => {
    const model = classifier().eval();
    new Trainer(model, { loss: "crossEntropy" }).step(rowsOf(data, 0, 8).x, data.y.slice(0, 8));
    expect(model.mode).toBe("train");
  });
});

const linear = () => nn.dense(4, 3, { init: { name: "constant", value: 0.1 } });
/** Weights after one epoch of one batch. */
async function trained(
  options: Partial<TrainerOptions>,
  x: typeof data.x | number[][],
  y: number[],
  more: object = {},
) {
  const model = linear();
  const trainer = new Trainer(model, { loss: "crossEntropy", optimizer: optim.sgd({ lr: 1 }), ...options });
  await run(trainer, { x, y, batchSize: 64, shuffle: false, ...more });
  return model.parameters().flatMap(values);
}
const close = (a: number[], b: number[]) => {
  expect(a.length).toBe(b.length);
  for (const [i, v] of a.entries()) expect(v).toBeCloseTo(b[i] as number, 5);
};
const row = (r: number) => Array.from(data.x.data.subarray(4 * r, 4 * r + 4));

describe("weights of classes and rows", () => {
  it("sample weights of whole numbers are repeated rows", async () => {
    const weight = [1, 2, 3, 0];
    const repeated = weight.flatMap((n, i) => Array(n).fill(i)) as number[];
    close(
      await trained({}, [0, 1, 2, 3].map(row), data.y.slice(0, 4), { sampleWeight: weight }),
      await trained(
        {},
        repeated.map(row),
        repeated.map((i) => data.y[i] as number),
      ),
    );
  });
  it("class weights are those of the loss, and of rows", async () => {
    const classWeight = [1, 2, 5];
    const given = [0, 1, 2, 3, 4, 5].map(row);
    const y = data.y.slice(0, 6);
    const weighted = await trained({ classWeight }, given, y);
    close(weighted, await trained({ loss: { type: "crossEntropy", weight: classWeight } }, given, y));
    close(weighted, await trained({}, given, y, { sampleWeight: y.map((c) => classWeight[c] as number) }));
  });
  it("sample weights in steps and in a model of one's own", () => {
    const [one, two] = [classifier(), new Outside()];
    const sampleWeight = numbers(8).map(Math.abs);
    const { x, y } = rowsOf(data, 0, 8);
    const reports = [one, two].map((m) =>
      new Trainer(m, { loss: "crossEntropy", optimizer: sgd }).step(x, y, { sampleWeight }),
    );
    expect(reports[0]).toEqual(reports[1]);
    expect(bits(two.inner)).toEqual(bits(one));
    expect(reports[0]?.loss).toBeCloseTo(nn.crossEntropy(classifier().forward(x), y, { sampleWeight }).item(), 6);
  });
});

describe("accumulation", () => {
  it("is one large batch where no batch norm is, batches of any size", async () => {
    const whole = await trained({}, data.x, data.y);
    for (const batchSize of [6, 7, 10]) {
      close(await trained({ accumulate: Math.ceil(24 / batchSize) }, data.x, data.y, { batchSize }), whole);
    }
  });
  it("updates when enough have gathered, and at the end of an epoch", async () => {
    const trainer = new Trainer(linear(), { loss: "crossEntropy", accumulate: 4 });
    await run(trainer, { ...data, batchSize: 4, epochs: 2 });
    expect(trainer.updates).toBe(4);
    for (const { x, y } of steps(8)) trainer.step(x, y);
    expect(trainer.updates).toBe(4);
    trainer.step(data.x, data.y);
    expect(trainer.updates).toBe(5);
  });
  it("works for a model of one's own alike", async () => {
    class Own extends nn.Module<4, 3> {
      inner = linear();
      forward(x: Tensor) {
        return this.inner.forward(x);
      }
    }
    const model = new Own();
    const trainer = new Trainer(model, { loss: "crossEntropy", optimizer: optim.sgd({ lr: 1 }), accumulate: 4 });
    await run(trainer, { ...data, batchSize: 7, shuffle: false });
    close(model.parameters().flatMap(values), await trained({}, data.x, data.y));
  });
});

describe("clipping", () => {
  const change = async (clip?: TrainerOptions["clip"]) =>
    (await trained(clip === undefined ? {} : { clip }, data.x, data.y)).map((v, i) => v - (i < 12 ? 0.1 : 0));
  const norm = (v: number[], p: number) =>
    p === Infinity ? Math.max(...v.map(Math.abs)) : v.reduce((s, a) => s + Math.abs(a) ** p, 0) ** (1 / p);
  it("by norm keeps the direction", async () => {
    const free = await change();
    for (const p of [1, 2, Infinity]) {
      const clipped = await change({ norm: 0.01, p });
      expect(norm(clipped, p)).toBeCloseTo(0.01, 5);
      close(
        clipped.map((v) => v * 100),
        free.map((v) => (v / norm(free, p)) * 1),
      );
    }
    close(await change({ norm: 100 }), free);
  });
  it("by value limits each", async () => {
    const free = await change();
    close(
      await change({ value: 0.02 }),
      free.map((v) => Math.max(-0.02, Math.min(0.02, v))),
    );
  });
  it("by hand", () => {
    const model = linear();
    nn.crossEntropy(model.forward(data.x), data.y).backward();
    const grads = () => model.parameters().flatMap((p) => values(p.grad as Tensor));
    const before = grads();
    expect(optim.clipGradNorm(model.parameters(), 0.01)).toBeCloseTo(norm(before, 2), 6);
    expect(norm(grads(), 2)).toBeCloseTo(0.01, 6);
    optim.clipGradValue(model.parameters(), 0.001);
    expect(norm(grads(), Infinity)).toBeCloseTo(0.001, 7);
  });
});

describe("groups", () => {
  it("have settings of their own", () => {
    const [a, b] = [nn.dense(2, 2), nn.dense(2, 1)];
    const model = nn.sequential(a, b);
    const groups = [
      { parameters: a.parameters(), optimizer: optim.sgd({ lr: 0 }) },
      { parameters: b.parameters(), optimizer: optim.sgd({ lr: 0.1 }) },
    ];
    const [before, optimizer] = [bits(a), new Optimizer(groups)];
    const trainer = new Trainer(model, { loss: "mse", optimizer: groups });
    trainer.step([[1, 2]], [1]);
    expect(bits(a)).toEqual(before);
    expect(optimizer.lr).toEqual([0, 0.1]);
    optimizer.lr = [0.5, 0.25];
    expect(optimizer.lr).toEqual([0.5, 0.25]);
  });
  it("weight decay spares biases and normalisation unless decayAll", () => {
    const decayed = (decayAll: boolean) => {
      const model = nn.sequential(nn.dense(4, 4, { init: "ones" }), nn.batchNorm(4));
      model.parameters()[1]?.assign([1, 1, 1, 1]);
      const optimizer = new Optimizer(model, optim.sgd({ lr: 0.1, weightDecay: 0.5, decayAll }));
      model
        .forward({ data: numbers(16), shape: [4, 4] })
        .mul(0)
        .sum()
        .backward();
      optimizer.step();
      return model.parameters().map((p) => +(values(p)[0] as number).toFixed(6));
    };
    expect(decayed(false)).toEqual([0.95, 1, 1, 0]);
    expect(decayed(true)).toEqual([0.95, 0.95, 0.95, 0]);
  });
});

describe("the average of the weights", () => {
  it("is what the formula says, and leaves the model alone", async () => {
    const model = linear();
    const trainer = new Trainer(model, { loss: "crossEntropy", optimizer: sgd, average: 0.5 });
    let average = model.parameters().flatMap(values);
    for (const { x, y } of steps(8)) {
      trainer.step(x, y);
      average = average.map((a, i) => 0.5 * a + 0.5 * (model.parameters().flatMap(values)[i] as number));
    }
    const before = bits(model);
    const averaged = trainer.averaged();
    close(averaged.parameters().flatMap(values), average);
    expect(bits(model)).toEqual(before);
    trainer.step(data.x, data.y);
    close(averaged.parameters().flatMap(values), average);
  });
  it("of a model of one's own too", () => {
    const model = new Outside();
    const trainer = new Trainer(model, { loss: "crossEntropy", average: 0.9 });
    trainer.step(data.x, data.y);
    const averaged = trainer.averaged() as Outside;
    expect(averaged).toBeInstanceOf(Outside);
    expect(bits(averaged)).not.toEqual(bits(model));
    averaged.recalibrate(data.x);
    expect(values(averaged.predict(data.x)).every(Number.isFinite)).toBe(true);
  });
});

describe("checkpoints", () => {
  const options: TrainerOptions = {
    loss: "crossEntropy",
    optimizer: optim.adam({ lr: 0.02 }),
    seed: 3,
    accumulate: 2,
    average: 0.9,
    schedule: schedule.cosine({ tMax: 50, every: "step" }),
  };
  const models: [string, () => nn.Module<nn.Features, nn.Features>][] = [
    ["built in", () => nn.sequential(classifier(), nn.dropout(0.3))],
    [
      "one's own",
      () =>
        new (class extends nn.Module<4, 3> {
          inner = classifier();
          drop = nn.dropout(0.3);
          forward(x: Tensor) {
            return this.drop.forward(this.inner.forward(x));
          }
        })(),
    ],
  ];
  it.each(models)("in the middle of an epoch, the model is %s", async (_, make) => {
    const whole = { model: make(), trainer: undefined as unknown as Trainer };
    whole.trainer = new Trainer(whole.model, options);
    await run(whole.trainer, { ...data, batchSize: 5, epochs: 4 });

    const model = make();
    const trainer = new Trainer(model, options);
    const saved: Uint8Array[] = [];
    const stop = new AbortController();
    const first = run(trainer, {
      ...data,
      batchSize: 5,
      epochs: 4,
      signal: stop.signal,
      onStep: ({ epoch, step }) => {
        if (epoch !== 1 || step !== 2) return;
        saved.push(trainer.save(), model.save());
        stop.abort(new Error("the machine went down"));
      },
    });
    await expect(first).rejects.toThrow("went down");

    const later = make();
    for (const p of later.parameters()) p.assign(Array(p.size).fill(9));
    const resumed = new Trainer(later, { ...options, seed: 8 });
    later.loadState(saved[1] as Uint8Array);
    resumed.load(saved[0] as Uint8Array);
    const epochs = await run(resumed, { ...data, batchSize: 5, epochs: 4 });
    expect(epochs.map((e) => [e.epoch, e.rows])).toEqual([
      [1, 24],
      [2, 24],
      [3, 24],
    ]);
    expect(bits(later)).toEqual(bits(whole.model));
    expect(bits(resumed.averaged())).toEqual(bits(whole.trainer.averaged()));
    expect([resumed.updates, resumed.lr]).toEqual([whole.trainer.updates, whole.trainer.lr]);
  });
});
