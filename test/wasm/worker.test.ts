/**
 * `evenkeel/worker` in Node: what comes out of a worker is what comes out without one, bit for bit and error for error, and
 * it tells of its progress. `worker-life.test.ts` has how workers start and end.
 */
import {
  type EpochResult,
  indices,
  manualSeed,
  metrics,
  nn,
  optim,
  schedule,
  type Tensor,
  Trainer,
  tensor,
} from "evenkeel";
import type { RemoteFitOptions } from "evenkeel/worker";
import { describe, expect, it } from "vitest";
import { bits, classifier, rejected, run } from "../unit/support.js";
import { data, endless, remote } from "./worker-support.js";

/** Without what depends on the clock. */
const timeless = (epochs: readonly EpochResult[]) => epochs.map(({ seconds: _, rowsPerSecond: __, ...rest }) => rest);

describe("the same bits as without a worker", () => {
  const settings = {
    loss: { type: "crossEntropy", labelSmoothing: 0.1 },
    optimizer: optim.adamw({ lr: 0.02, betas: [0.8, 0.99] }),
    schedule: schedule.cosine({ tMax: 6 }),
    classWeight: Float32Array.of(1, 2, 1),
    clip: { norm: 1 },
    accumulate: 2,
    seed: 9,
  } as const;
  const fit = {
    ...data,
    sampleWeight: data.y.map((c) => 1 + c),
    epochs: 6,
    batchSize: 16,
    validation: 0.25,
    stratify: true,
    metrics: ["f1", "accuracy"],
    earlyStopping: { patience: 4, restoreBest: true },
  } as const;
  const build = () => {
    manualSeed(2);
    return nn.sequential(
      nn.dense(4, 8),
      nn.batchNorm(8, { momentum: null }),
      nn.relu(),
      nn.dropout(0.3),
      nn.dense(8, 3),
    );
  };

  it("in a model that lives here, with all settings: values, history, and what a next training makes of it", async () => {
    const [here, there] = [build(), build()];
    const local = await run(new Trainer(here, settings), fit);
    const history = await remote.fit(there, { ...settings, ...fit });
    expect(timeless(history)).toEqual(timeless(local));
    expect(bits(there)).toEqual(bits(here));
    await run(new Trainer(here, settings), fit);
    await remote.fit(there, { ...settings, ...fit });
    expect(bits(there)).toEqual(bits(here));
  });

  it("in a model that lives there, from a description", async () => {
    const here = build();
    const there = await remote.load(here.spec, { seed: 2 });
    expect(nn.load(await there.save()).save()).toEqual(here.save());
    await run(new Trainer(here, settings), fit);
    await there.fit({ ...settings, ...fit });
    expect(await there.state()).toEqual(here.state());
    const probabilities = here.predict(data.x, { activation: "softmax", batchSize: 50 });
    expect(await there.predict(data.x, { activation: "softmax", batchSize: 50 })).toEqual({
      data: probabilities.toArray(),
      shape: probabilities.shape,
    });
    const trainer = new Trainer(here, { loss: "crossEntropy", classWeight: [1, 2, 3] });
    expect(await there.evaluate(data, { loss: "crossEntropy", classWeight: [1, 2, 3], metrics: ["recall"] })).toEqual(
      await trainer.evaluate(data, { metrics: ["recall"] }),
    );
    expect(await there.summary([1, 4])).toBe(here.summary([1, 4]));
    there.dispose();
  });

  const rows = [
    [1, 2],
    [3, 4],
    [5, 7],
    [0, 1],
  ];
  const flat = Float32Array.from(rows.flat());
  const values = tensor(rows);
  const column = tensor([[1], [0], [1], [0]]);
  const forms: [string, { x: RemoteFitOptions["x"]; y: RemoteFitOptions["y"]; loss: "mse" | "crossEntropy" }][] = [
    ["nested arrays and a column from numbers in a row", { x: rows, y: [1, 0, 1, 0], loss: "mse" }],
    ["a typed array with a shape, and a tensor", { x: { data: flat, shape: [4, 2] }, y: column, loss: "mse" }],
    ["a tensor, and labels as indices", { x: values, y: indices([1, 0, 1, 0]), loss: "crossEntropy" }],
    [
      "part of a larger array, and labels as bytes",
      {
        x: { data: new Float32Array([9, ...flat, 9]).subarray(1, 9), shape: [4, 2] },
        y: Uint8Array.of(1, 0, 1, 0),
        loss: "crossEntropy",
      },
    ],
    [
      "probabilities",
      {
        x: rows,
        y: [
          [0, 1],
          [1, 0],
          [0.5, 0.5],
          [1, 0],
        ],
        loss: "crossEntropy",
      },
    ],
  ];
  it.each(forms)("from %s", async (_, { loss, ...given }) => {
    const of = () => {
      manualSeed(1);
      return nn.dense(2, loss === "mse" ? 1 : 2);
    };
    const [here, there] = [of(), of()];
    await run(new Trainer(here, { loss }), { ...given, epochs: 3, batchSize: 2 });
    await remote.fit(there, { ...given, loss, epochs: 3, batchSize: 2 });
    expect(bits(there)).toEqual(bits(here));
  });
});

describe("data", () => {
  it("is copied, so that it stays the caller's; with transfer it is moved", async () => {
    const model = classifier();
    const x = { data: data.x.data.slice(), shape: data.x.shape };
    const y = Int32Array.from(data.y);
    await remote.fit(model, { x, y, loss: "crossEntropy" });
    expect([x.data.length, y.length]).toEqual([812, 203]);
    // Two views of one buffer, which can be moved only once.
    const both = { x, y, validation: { x: { data: x.data.subarray(0, 400), shape: [100, 4] }, y: y.subarray(0, 100) } };
    await remote.fit(model, { ...both, loss: "crossEntropy", transfer: true });
    expect([x.data.length, y.length]).toEqual([0, 0]);
  });

  it("that is wrong is refused as it is without a worker", async () => {
    const model = classifier();
    const wrong: [object, string][] = [
      [{ x: [[1, 2, 3, 4], [1]], y: [0, 1] }, "RAGGED"],
      [{ x: [[1, 2, Number.NaN, 4]], y: [0] }, "NOT_FINITE"],
      [{ ...data, y: data.y.map((c) => c + 1) }, "LABEL_OUT_OF_RANGE"],
      [{ ...data, batchSize: 0 }, "BAD_ARGUMENT"],
      [{ ...data, earlyStopping: { monitor: "nothing" } }, "BAD_ARGUMENT"],
      [{ x: [[1, 2]], y: [0] }, "SHAPE_MISMATCH"],
    ];
    const before = bits(model);
    for (const [options, code] of wrong) {
      const here = await rejected(() =>
        run(new Trainer(model, { loss: "crossEntropy" }), options as Parameters<Trainer["fit"]>[0]),
      );
      const there = await rejected(() => remote.fit(model, { ...(options as typeof data), loss: "crossEntropy" }));
      expect(there).toMatchObject({ name: "EvenkeelError", code, data: here.data, message: here.message });
      expect(here.code).toBe(code);
    }
    expect(bits(model)).toEqual(before);
  });
});

describe("what cannot cross", () => {
  class Own extends nn.Module<4, 3> {
    dense = nn.dense(4, 3);
    forward(x: Tensor): Tensor {
      return this.dense.forward(x);
    }
  }
  const cases: [string, unknown, object, string][] = [
    ["a model of one's own", () => new Own(), {}, "The model"],
    ["one inside a sequence", () => nn.sequential(new Own(), nn.relu()), {}, "The model"],
    ["a frozen layer", () => nn.sequential(nn.dense(4, 4).freeze(), nn.dense(4, 3)), {}, "Layer 0"],
    ["a loss of one's own", classifier, { loss: (output: Tensor) => output.mean() }, "loss"],
    ["groups of parameters", classifier, { optimizer: [] }, "optimizer"],
    ["a metric of one's own", classifier, { metrics: [metrics.topK(2)], validation: 0.2 }, "metrics"],
    ["batches", classifier, { batches: [] }, "batches"],
    ["a function elsewhere", classifier, { schedule: { type: "step", stepSize: () => 1 } }, "Something"],
  ];
  it.each(cases)("%s is an error that says so", async (_, make, options, what) => {
    const model = (make as () => nn.CoreModule)();
    const before = bits(model);
    const error = await rejected(() => remote.fit(model, { ...data, loss: "crossEntropy", ...options }));
    expect(error.code).toBe("CANNOT_CROSS");
    expect(error.message.startsWith(what)).toBe(true);
    expect(bits(model)).toEqual(before);
  });

  it("an unknown option, and something that is no model", async () => {
    const unknown = await rejected(() => remote.fit(classifier(), { ...endless, epoch: 1 } as never));
    expect(unknown).toMatchObject({ code: "UNKNOWN_OPTION", data: { option: "epoch" } });
    for (const wrong of [undefined, 1, {}, [], classifier().save()]) {
      expect((await rejected(() => remote.fit(wrong as never, endless))).code).toBe("BAD_ARGUMENT");
    }
    expect((await rejected(() => remote.load({} as never))).code).toBe("BAD_ARGUMENT");
    expect((await rejected(() => remote.load({ type: "magic" }))).code).toBe("UNKNOWN_LAYER");
    expect((await rejected(() => remote.load(new Uint8Array(9)))).code).toBe("BAD_FILE");
  });
});

describe("progress", () => {
  it("tells every epoch in order, and the newest step now and then", async () => {
    const epochs: number[] = [];
    const steps: number[] = [];
    const history = await remote.fit(classifier(), {
      ...endless,
      epochs: 300,
      onEpoch: ({ epoch }) => epochs.push(epoch),
      onStep: ({ epoch, step }) => steps.push(epoch * 7 + step),
    });
    expect(epochs).toEqual(Array.from({ length: 300 }, (_, i) => i));
    expect(history.map(({ epoch }) => epoch)).toEqual(epochs);
    expect(steps.length).toBeGreaterThan(0);
    expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b));
    expect(steps.length).toBeLessThan(300);
  });

  it("each step can be told", async () => {
    const steps: number[] = [];
    await remote.fit(classifier(), {
      ...endless,
      epochs: 2,
      progressInterval: 0,
      onStep: ({ epoch, step }) => steps.push(epoch * 7 + step),
    });
    // 203 rows: six batches of 32 and one of 11.
    expect(steps).toEqual(Array.from({ length: 14 }, (_, i) => i));
  });

  it("an error in a listener ends the training and comes out of it", async () => {
    const mine = new Error("mine");
    const onEpoch = () => {
      throw mine;
    };
    await expect(remote.fit(classifier(), { ...endless, onEpoch, progressInterval: 0 })).rejects.toBe(mine);
  });

  it("a model predicts while it trains, and two models train at once", async () => {
    const [a, b] = [await remote.load(classifier()), await remote.load(classifier())];
    const [stopA, stopB] = [new AbortController(), new AbortController()];
    const [fitA, fitB] = [a.fit({ ...endless, signal: stopA.signal }), b.fit({ ...endless, signal: stopB.signal })];
    const ended = Promise.all([expect(fitA).rejects.toBe(1), expect(fitB).rejects.toBe(2)]);
    const seen = new Set<string>();
    // If the training did not go on meanwhile, or let nothing through, this would never end.
    while (seen.size < 3) seen.add(String((await a.predict([[1, 2, 3, 4]])).data));
    const busy = await rejected(() => a.fit(endless));
    expect(busy).toMatchObject({ code: "WRONG_MODE", data: { reason: "fitting" } });
    stopA.abort(1);
    stopB.abort(2);
    await ended;
  });

  it("epochs before an error are told", async () => {
    const settings = {
      ...data,
      y: data.y.map(Number),
      loss: "mse",
      optimizer: optim.sgd({ lr: 1e6 }),
      epochs: 50,
    } as const;
    const told: number[] = [];
    const model = await remote.load(nn.dense(4, 1));
    const error = await rejected(() => model.fit({ ...settings, onEpoch: ({ epoch }) => told.push(epoch) }));
    expect(error.code).toBe("LOSS_NOT_FINITE");
    expect(told).toEqual(Array.from({ length: error.data["epoch"] as number }, (_, i) => i));
  });
});

describe("what the caller has", () => {
  it("stays the caller's: buffers of Node, and arrays that a getter gives", async () => {
    const model = await remote.load(classifier());
    const buffer = Buffer.from(new ArrayBuffer(16));
    await model.predict({ data: buffer, shape: [4, 4] });
    expect(buffer.length).toBe(16);
    const own = new Float32Array(16);
    const given = {
      get data() {
        return new Float32Array(own.buffer);
      },
      shape: [4, 4],
    };
    await model.predict(given);
    expect(own.length).toBe(16);
    model.dispose();
  });

  it("is not kept in the worker when the model here is gone at the end of a fit", async () => {
    const before = (await remote.memory()).live;
    const model = classifier();
    const fit = remote.fit(model, { ...endless, epochs: 2 });
    model.dispose();
    await expect(fit).rejects.toMatchObject({ code: "DISPOSED" });
    expect((await remote.memory()).live).toBe(before);
  });
});
