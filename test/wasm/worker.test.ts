/**
 * `evenkeel/worker` in Node: what comes out of a worker is what comes out without one, bit for bit and error for error;
 * trainings end when they are told to, and nothing waits for a worker that is gone.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
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
import { type Remote, type RemoteFitOptions, spawn } from "evenkeel/worker";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bits, classData, classifier, rejected, run } from "../unit/support.js";
import { withTrapIn } from "./wasm-edits.js";

const dist = new URL("../../dist/", import.meta.url);
const data = classData(203);
/** Longer than any test: it ends by being told to. */
const endless = { ...data, epochs: 1e9, loss: "crossEntropy" } as const;

let remote: Remote;
beforeAll(async () => {
  remote = await spawn();
});
afterAll(() => remote.dispose());

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
});

describe("ends", () => {
  it("by a signal, within an epoch: the reason, and the model as the last step made it", async () => {
    const model = classifier();
    const before = bits(model);
    const stop = new AbortController();
    const reason = new Error("enough");
    const fit = remote.fit(model, {
      ...endless,
      epochs: 1,
      x: many.x,
      y: many.y,
      batchSize: 2,
      onStep: () => stop.abort(reason),
      signal: stop.signal,
      progressInterval: 0,
    });
    await expect(fit).rejects.toBe(reason);
    expect(bits(model)).not.toEqual(before);
    // It can be trained again.
    await remote.fit(model, { ...endless, epochs: 1 });
    await expect(remote.fit(model, { ...endless, signal: stop.signal })).rejects.toBe(reason);
  });
  const many = classData(100_000);

  it("by a loss that is not finite: the same error, and the model as the last step made it", async () => {
    const options = { ...endless, epochs: 50, optimizer: optim.sgd({ lr: 1e30 }) };
    const { loss, optimizer, ...rest } = options;
    const plain = () => {
      manualSeed(4);
      return nn.sequential(nn.dense(4, 8), nn.relu(), nn.dense(8, 3));
    };
    const [here, there] = [plain(), plain()];
    const local = await rejected(() => run(new Trainer(here, { loss, optimizer }), rest));
    const error = await rejected(() => remote.fit(there, options));
    expect(error).toMatchObject({ code: "LOSS_NOT_FINITE", message: local.message, data: local.data });
    expect(bits(there)).toEqual(bits(here));
  });

  it("by dispose: pending and later calls are rejected, and the model is as before", async () => {
    const own = await spawn();
    const [model, there] = [classifier(), await own.load(classifier())];
    const before = bits(model);
    const pending = [own.fit(model, endless), there.fit(endless)].map((call) => rejected(() => call));
    await new Promise((resolve) => setTimeout(resolve, 20));
    own.dispose();
    own.dispose();
    const errors = await Promise.all(pending);
    expect(errors.map(({ code }) => code)).toEqual(["WORKER_ENDED", "WORKER_ENDED"]);
    expect(await rejected(() => there.predict([[1, 2, 3, 4]]))).toMatchObject({ code: "WORKER_ENDED" });
    expect(bits(model)).toEqual(before);
    there.dispose();
  });

  it("by itself: pending calls are rejected with what happened", async () => {
    const worker = new Worker(new URL("worker-thread.js", dist));
    const own = await spawn({ worker });
    const there = await own.load(classifier());
    const pending = rejected(() => there.fit(endless));
    await worker.terminate();
    expect(await pending).toMatchObject({ code: "WORKER_ENDED", message: expect.stringContaining("exit code 1") });
    expect(await rejected(() => own.memory())).toMatchObject({ code: "WORKER_ENDED" });
  });

  it("by a core that traps: that call and later ones say so", async () => {
    const bytes = withTrapIn(readFileSync(new URL("evenkeel.wasm", dist)), "coretrainer_nextStep");
    const own = await spawn({ wasm: { bytes } });
    const model = classifier();
    const before = bits(model);
    expect((await rejected(() => own.fit(model, endless))).code).toBe("CORE_TRAPPED");
    expect((await rejected(() => own.memory())).code).toBe("CORE_TRAPPED");
    expect(bits(model)).toEqual(before);
    own.dispose();
  });

  it("a model that was disposed of, and its memory", async () => {
    const before = (await remote.memory()).live;
    const there = await remote.load(classifier());
    expect((await remote.memory()).live).toBeGreaterThan(before);
    await there.fit({ ...endless, epochs: 2 });
    there.dispose();
    there.dispose();
    expect((await remote.memory()).live).toBe(before);
    expect((await rejected(() => there.save())).code).toBe("DISPOSED");
  });
});

describe("spawn", () => {
  it("takes what init takes", async () => {
    const own = await spawn({ threads: 2 });
    expect(own.backend).toEqual({ math: "exact", threads: 2 });
    const [here, there] = [classifier(), classifier()];
    await run(new Trainer(here, { loss: "crossEntropy" }), data);
    await own.fit(there, { ...data, loss: "crossEntropy" });
    expect(bits(there)).toEqual(bits(here));
    own.dispose();
    expect((await rejected(() => spawn({ threads: 0 }))).code).toBe("BAD_ARGUMENT");
    expect((await rejected(() => spawn({ wasm: { bytes: new Uint8Array(8) } }))).code).toBe("WASM_NOT_WASM");
  });

  it("takes a worker, a function that makes one, or the address of its script; and a module, or the wasm's address", async () => {
    const script = new URL("worker-thread.js", dist);
    const module = new WebAssembly.Module(readFileSync(new URL("evenkeel.wasm", dist)));
    for (const options of [
      { worker: new Worker(script), wasm: { module } },
      { worker: () => new Worker(script), wasm: { url: new URL("evenkeel.wasm", dist) } },
      { worker: script },
    ]) {
      const own = await spawn(options);
      expect((await own.memory()).wasm).toBeGreaterThan(0);
      own.dispose();
    }
  });

  it("says why a worker does not start", async () => {
    const missing = await rejected(() => spawn({ worker: new URL("nothing.js", dist) }));
    expect(missing).toMatchObject({ code: "WORKER_FAILED", message: expect.stringContaining("nothing.js") });
  });

  const edge = new URL("worker-edge.js", dist).href;
  it("where there are no workers it says so", async () => {
    const { spawn: spawnAtEdge } = (await import(edge)) as { spawn: typeof spawn };
    expect(await spawnAtEdge().catch((e: unknown) => e)).toMatchObject({
      name: "EvenkeelError",
      code: "WORKER_MISSING",
    });
  });
});

describe("a program", () => {
  const program = async (source: string, format: "module" | "commonjs") => {
    const args = [`--input-type=${format}`, "-e", source];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      cwd: fileURLToPath(new URL("..", dist)),
      timeout: 50_000,
    });
    return stdout.trim();
  };
  const body = `
    const remote = await spawn();
    const model = await remote.load({ type: "linear", in_features: 1, out_features: 1 });
    const [{ rows }] = await model.fit({ x: [[1], [2]], y: [1, 2], loss: "mse" });
    const wrong = await model.fit({ x: [[NaN]], y: [1], loss: "mse" }).catch((error) => error);
    console.log(rows, wrong instanceof EvenkeelError, wrong.code);`;

  it("ends when it has nothing more to do, without dispose; errors are the class that the package exports", async () => {
    const names = "{ EvenkeelError } from 'evenkeel'; import { spawn } from 'evenkeel/worker';";
    expect(await program(`import ${names} ${body}`, "module")).toBe("2 true NOT_FINITE");
    const required = "const { EvenkeelError } = require('evenkeel'); const { spawn } = require('evenkeel/worker');";
    expect(await program(`${required} (async () => {${body}})();`, "commonjs")).toBe("2 true NOT_FINITE");
  });

  it("that imports it starts nothing, and loads no core", async () => {
    const source = `
      for (const name of ["instantiate", "compile", "Module"]) WebAssembly[name] = () => { throw new Error(name); };
      for (const name of ["Worker", "setTimeout", "setInterval", "fetch"]) globalThis[name] = () => { throw new Error(name); };
      console.log(Object.keys(await import("evenkeel/worker")).join());`;
    expect(await program(source, "module")).toBe("spawn");
    // Of the package's files it brings those of errors and data, not the wasm or the tensors.
    const text = (name: string) => readFileSync(new URL(name, dist), "utf8");
    const chunks = Array.from(text("worker.js").matchAll(/from\s*["']\.\/([^"']+)["']/g), ([, name = ""]) => name);
    expect(chunks.length).toBeGreaterThan(0);
    for (const name of chunks) expect(text(name)).not.toContain("FinalizationRegistry");
  });
});
