/**
 * Memory stays where it is: after a warm-up 1,000 steps of any kind of training leave live bytes and the wasm's memory
 * unchanged, and what is disposed of is gone to the last byte (PAIN.md: d2l-en#1342, tfjs#4647, #8238, #8570).
 */
import {
  type Indices,
  indices,
  init,
  memory,
  nn,
  Optimizer,
  optim,
  scope,
  type Tensor,
  Trainer,
  tensor,
} from "evenkeel";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

const rows = 32;
const x = { data: Float32Array.from({ length: rows * 20 }, (_, i) => Math.sin(i)), shape: [rows, 20] };
const y = Int32Array.from({ length: rows }, (_, i) => i % 5);

const network = () => nn.sequential(nn.dense(20, 32), nn.batchNorm(32), nn.relu(), nn.dropout(0.2), nn.dense(32, 5));

/** A network of one's own, which JavaScript runs. */
class Own extends nn.Module {
  readonly first = nn.dense(20, 32);
  readonly norm = nn.batchNorm(32);
  readonly scale = nn.parameter(new Float32Array(32).fill(1), "norm");
  readonly last = [nn.dropout(0.2), nn.dense(32, 5)] as const;
  forward(x: Tensor): Tensor {
    const hidden = this.norm.forward(this.first.forward(x)).mul(this.scale).relu();
    return this.last.reduce<Tensor>((h, layer) => layer.forward(h), hidden);
  }
}

/** Runs `f` some times to warm up, then `times` times, and compares what the core holds before and after. */
async function stays(times: number, f: (i: number) => void | Promise<void>, warmUp = 20): Promise<void> {
  for (let i = 0; i < warmUp; i++) await f(i);
  const before = memory();
  for (let i = 0; i < times; i++) await f(warmUp + i);
  expect(memory()).toEqual(before);
}

beforeAll(() => init());
// Every test disposes of what it named; what nobody named the core has freed.
let atStart = 0;
beforeEach(() => {
  atStart = memory().live;
});
afterEach(() => expect(memory().live).toBe(atStart));

describe("1,000 steps leave memory where it was", () => {
  it("d2l-en#1342: trainer.step with batch norm, dropout and Adam", async () => {
    const model = network();
    const trainer = new Trainer(model, { loss: "crossEntropy", optimizer: optim.adam() });
    await stays(1000, () => void trainer.step(x, y));
    trainer.dispose();
    model.dispose();
  });

  it("a training loop by hand inside scope", async () => {
    const model = network();
    const optimizer = new Optimizer(model, optim.adam());
    await stays(1000, () =>
      scope(() => {
        const loss = nn.crossEntropy(model.forward(x), y);
        loss.backward();
        optim.clipGradNorm(model.parameters(), 1);
        optimizer.step();
        optimizer.zeroGrad();
      }),
    );
    optimizer.dispose();
    model.dispose();
  });

  it("a custom layer", async () => {
    const model = new Own();
    const trainer = new Trainer(model, { loss: "crossEntropy", optimizer: optim.adam() });
    await stays(1000, () => void trainer.step(x, y));
    trainer.dispose();
    model.dispose();
  });

  it("a custom loss", async () => {
    const model = network();
    const loss = (output: Tensor, target: Indices) =>
      nn.crossEntropy(output, target).mul(2).add(output.square().mean());
    const trainer = new Trainer(model, { loss, optimizer: optim.adam() });
    const labels = indices(y);
    await stays(1000, () => void trainer.step(x, labels));
    for (const handle of [trainer, model, labels]) handle.dispose();
  });

  it("a graph that nobody walks back", async () => {
    const model = network();
    const input = tensor(x);
    await stays(1000, () => model.forward(input).dispose());
    input.dispose();
    model.dispose();
  });

  it.each(["sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam", "radam"] as const)(
    "%s, with accumulation, clipping and an average",
    async (name) => {
      const model = network();
      const options = { accumulate: 2, clip: { norm: 1 }, average: 0.99 };
      const trainer = new Trainer(model, { loss: "crossEntropy", optimizer: optim[name]({ lr: 1e-3 }), ...options });
      await stays(1000, () => void trainer.step(x, y));
      trainer.averaged().dispose();
      trainer.dispose();
      model.dispose();
    },
  );
});

describe("fit, evaluate and predict leave memory where it was", () => {
  const fits = {
    "arrays, with a validation split and metrics": { x, y, batchSize: 8, validation: 0.25, metrics: ["f1"] },
    "arrays, with validation data": { x, y, batchSize: 5, validation: { x, y } },
    batches: { batches: () => [{ x, y }], validation: { x, y } },
  } as const;

  describe.each(Object.entries(fits))("fit on %s", (_, data) => {
    it.each([
      ["a model of the core", network],
      ["a model of one's own", () => new Own()],
    ])("%s", async (_, make) => {
      const model = make();
      const trainer = new Trainer(model, { loss: "crossEntropy" });
      const run = async (epochs: number) => {
        for await (const _ of trainer.fit({ ...data, epochs, earlyStopping: { patience: 1e9 } }));
      };
      await stays(4, () => run(50), 1);
      trainer.dispose();
      model.dispose();
    });
  });

  it("a fit that is left, aborted, or failing", async () => {
    const model = network();
    const trainer = new Trainer(model, { loss: "crossEntropy" });
    const data = { x, y, batchSize: 8, epochs: 9, validation: 0.25 };
    const outcomes: string[] = [];
    await stays(
      50,
      async (i) => {
        const stop = new AbortController();
        const onStep = () => {
          if (i % 3 === 1) stop.abort();
          if (i % 3 === 2) throw new Error("no");
        };
        try {
          for await (const _ of trainer.fit({ ...data, onStep, signal: stop.signal })) break;
          outcomes[i % 3] = "left";
        } catch (error) {
          outcomes[i % 3] = (error as Error).name;
        }
      },
      3,
    );
    expect(outcomes).toEqual(["left", "AbortError", "Error"]);
    trainer.dispose();
    model.dispose();
  });

  it.each([
    ["a model of the core", network],
    ["a model of one's own", () => new Own()],
  ])("what looks at %s", async (_, make) => {
    const model = make();
    const trainer = new Trainer(model, { loss: "crossEntropy", average: 0.9 });
    trainer.step(x, y);
    await stays(50, async () => {
      model.predict(x, { activation: "softmax" }).dispose();
      model.predict(x, { batchSize: 5 }).dispose();
      await trainer.evaluate({ x, y }, { metrics: ["accuracy", "f1"], batchSize: 7 });
      model.loadState(model.state());
      model.loadState(model.save());
      trainer.load(trainer.save());
      model.clone().dispose();
      trainer.averaged().dispose();
      model.recalibrate(x, { batchSize: 8 });
      model.freeze().freeze(false).eval().train();
      expect(model.parameterCount()).toBeGreaterThan(0);
      expect(model.summary([rows, 20])).toContain("parameters");
    });
    trainer.dispose();
    model.dispose();
  });

  it("saving, loading and folding", async () => {
    const model = network();
    await stays(50, () => {
      const loaded = nn.load(model.save());
      const folded = loaded.foldBatchNorm();
      for (const m of [loaded, folded]) m.dispose();
    });
    model.dispose();
  });

  it("feature norm", async () => {
    await stays(50, () => nn.featureNorm(20).adapt(x).dispose());
  });
});

describe("calls that fail leave nothing behind", () => {
  const wrong: [string, (model: ReturnType<typeof network>, trainer: Trainer) => unknown][] = [
    ["a wrong width", (model) => model.forward([[1, 2]])],
    ["a wrong width in predict", (model) => model.predict([[1, 2]])],
    ["one row for batch norm", (_, trainer) => trainer.step({ data: new Float32Array(20), shape: [1, 20] }, [0])],
    ["a label out of range", (_, trainer) => trainer.step(x, new Int32Array(rows).fill(7))],
    ["too few labels", (_, trainer) => trainer.step(x, [1, 2])],
    ["a label that is no whole number", (_, trainer) => trainer.step(x, new Float32Array(rows).fill(0.5))],
    ["sample weights of another length", (_, trainer) => trainer.step(x, y, { sampleWeight: [1] })],
    ["fit with too few labels", (_, trainer) => trainer.fit({ x, y: [1], epochs: 1 }).next()],
    [
      "fit with validation labels out of range",
      (_, t) => t.fit({ x, y, validation: { x, y: y.map((l) => l + 1) } }).next(),
    ],
    ["evaluate with a wrong width", (_, trainer) => trainer.evaluate({ x: [[1, 2]], y: [0] })],
    ["a state that does not fit", (model) => model.loadState({ nothing: { data: new Float32Array(3), shape: [3] } })],
    ["a file that is none", () => nn.load(new Uint8Array([1, 2, 3]))],
    ["ragged rows", () => tensor([[1, 2], [3]])],
    ["shapes that do not fit", () => scope(() => tensor([1, 2]).add(tensor([1, 2, 3])))],
    ["a loss of shapes that do not fit", () => scope(() => nn.mse(tensor([1, 2]), [1, 2, 3]))],
    ["settings of a layer that exclude each other", () => nn.batchNorm(4, { momentum: 0.1, decay: 0.9 })],
    ["an optimizer's setting that makes no sense", (model) => new Optimizer(model, optim.adam({ lr: -1 }))],
    ["a trainer's setting that makes no sense", (model) => new Trainer(model, { loss: "mse", seed: -1 })],
  ];
  it.each(wrong)("%s", async (_, call) => {
    const model = network();
    const trainer = new Trainer(model, { loss: "crossEntropy" });
    await stays(
      100,
      async () => {
        await expect((async () => call(model, trainer as Trainer))()).rejects.toThrow();
      },
      5,
    );
    trainer.dispose();
    model.dispose();
  });
});

describe("disposing gives everything back", () => {
  it("a model and its trainer, in either order", async () => {
    for (const order of [0, 1]) {
      const model = network();
      const trainer = new Trainer(model, { loss: "crossEntropy", average: 0.9 });
      trainer.step(x, y);
      const both = [model, trainer];
      for (const handle of order === 0 ? both : both.reverse()) handle.dispose();
      expect(memory().live).toBe(atStart);
    }
  });

  it("twice is once, and what is disposed of says so", () => {
    const model = network();
    const trainer = new Trainer(model, { loss: "crossEntropy" });
    const t = tensor([1]);
    for (const handle of [model, trainer, t]) {
      handle.dispose();
      handle.dispose();
    }
    const gone = expect.objectContaining({ name: "EvenkeelError", code: "DISPOSED" });
    expect(() => model.forward(x)).toThrow(gone);
    expect(() => trainer.step(x, y)).toThrow(gone);
    expect(() => t.add(1)).toThrow(gone);
  });

  it("a trainer that is disposed of while it fits ends the fit", async () => {
    const model = network();
    const trainer = new Trainer(model, { loss: "crossEntropy" });
    const seen: number[] = [];
    const run = async () => {
      for await (const { epoch } of trainer.fit({ x, y, epochs: 5, validation: { x, y } })) {
        seen.push(epoch);
        trainer.dispose();
      }
    };
    await expect(run()).rejects.toMatchObject({ code: "DISPOSED" });
    expect(seen).toEqual([0]);
    model.dispose();
  });

  it("layers that went into a model, by the model", () => {
    const model = nn.sequential(
      nn.residual(nn.sequential(nn.dense(20, 20), nn.batchNorm(20))),
      nn.parallel([nn.dense(20, 3), nn.dense(20, 4)]),
    );
    expect(memory().live).toBeGreaterThan(atStart);
    model.dispose();
  });

  it("the using declaration", () => {
    {
      using model = network();
      using trainer = new Trainer(model, { loss: "crossEntropy" });
      using y2 = model.predict(x);
      trainer.step(x, y);
      expect(y2.shape).toEqual([rows, 5]);
      expect(memory().live).toBeGreaterThan(atStart);
    }
    expect(memory().live).toBe(atStart);
  });
});
