/**
 * How workers of `evenkeel/worker` start and end in Node: trainings end when they are told to, nothing waits for a worker
 * that is gone, and a program ends when it has nothing more to do.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { manualSeed, nn, optim, Trainer } from "evenkeel";
import { spawn } from "evenkeel/worker";
import { describe, expect, it } from "vitest";
import { bits, classData, classifier, rejected, run } from "../unit/support.js";
import { withTrapIn } from "./wasm-edits.js";
import { data, endless, remote } from "./worker-support.js";

const dist = new URL("../../dist/", import.meta.url);
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
    const bytes = withTrapIn(readFileSync(new URL("evenkeel.wasm", dist)), "nextStep");
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
