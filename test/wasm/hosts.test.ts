/**
 * The rows of PAIN.md, "WebAssembly and hosts", that this package can meet in Node; each test bears the name of its row.
 * `test/unit/loader.test.ts` has those of the loader: HTML for a missing file, Content-Security-Policy, workerd.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it, vi } from "vitest";
import { withWrongSimd } from "./wasm-edits.js";

type Evenkeel = typeof import("evenkeel");

const dist = new URL("../../dist/", import.meta.url);
const path = (name: string): string => fileURLToPath(new URL(name, dist));
const wasm = readFileSync(path("evenkeel.wasm"));
const require = createRequire(import.meta.url);

/** The package as a program that has just started has it: loaded anew, not yet running. */
function fresh(): Evenkeel {
  delete require.cache[path("index.cjs")];
  return require(path("index.cjs")) as Evenkeel;
}

async function started(bytes: BufferSource = wasm): Promise<Evenkeel> {
  const evenkeel = fresh();
  await evenkeel.init({ bytes });
  return evenkeel;
}

/** Runs a module in a process of its own, and gives what it printed. */
function program(source: string, ...flags: string[]): string {
  const args = [...flags, "--input-type=module", "-e", source];
  return execFileSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}

const withCode = (code: string) => expect.objectContaining({ name: "EvenkeelError", code });

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe("wasm-bindgen#1668, emscripten#6747: memory growth detaches views", () => {
  it("copies stay what they were, and a lent view is one of the memory of now", async () => {
    const { memory, full, tensor } = await started();
    const t = tensor([1, 2, 3]);
    const copy = t.toArray();
    const seen = t.withData((view) => view);
    const before = memory().wasm;
    const big = full([4_000_000], 1);
    expect(memory().wasm).toBeGreaterThan(before);
    expect(seen.length).toBe(0);
    expect([...copy]).toEqual([1, 2, 3]);
    expect(t.withData((view) => [...view])).toEqual([1, 2, 3]);
    t.withData((view) => view.fill(7));
    expect([...t.toArray(), ...copy]).toEqual([7, 7, 7, 1, 2, 3]);
    expect(big.sum().item()).toBe(4_000_000);
  });

  it("a trainer's numbers survive a growth between steps and inside one", async () => {
    const { memory, nn, optim, Trainer, full } = await started();
    const model = nn.dense(4, 2);
    const trainer = new Trainer(model, { loss: "mse", optimizer: optim.sgd({ lr: 0 }) });
    const [x, y] = [
      { data: new Float32Array(8), shape: [2, 4] },
      { data: new Float32Array(4), shape: [2, 2] },
    ];
    const { loss } = trainer.step(x, y);
    const before = memory().wasm;
    full([4_000_000], 1);
    expect(trainer.step(x, y).loss).toBe(loss);
    const rows = 500_000;
    const many = trainer.step(
      { data: new Float32Array(4 * rows), shape: [rows, 4] },
      { data: new Float32Array(2 * rows), shape: [rows, 2] },
    );
    expect(many).toMatchObject({ rows, loss: expect.closeTo(loss, 5) });
    expect(memory().wasm).toBeGreaterThan(before + 16_000_000);
  });
});

describe("cipherstash#949, next.js#29362: nothing runs at import", () => {
  const quiet = `
    const touched = [];
    const forbid = (object, name) => Object.defineProperty(object, name, {
      configurable: true, get() { touched.push(name); return undefined; },
    });
    for (const name of ["WebAssembly", "DecompressionStream", "SharedArrayBuffer", "atob", "fetch", "Worker"]) forbid(globalThis, name);
    for (const name of ["setTimeout", "setInterval", "setImmediate", "queueMicrotask"]) forbid(globalThis, name);
    for (const name of ["log", "warn", "error", "info", "debug"]) forbid(console, name);
  `;
  it.each(["index.js", "index.cjs"])("of %s: no WebAssembly, no network, no timer, no console", (entry) => {
    const url = new URL(entry, dist).href;
    // The loader of Node itself is warm by the first import.
    const out = program(`
      await import("node:path");
      ${quiet}
      const { nn, optim, schedule, metrics, isReady } = await import(${JSON.stringify(url)});
      const found = [typeof nn.dense, typeof optim.adam, typeof schedule.step, typeof metrics.topK, isReady()];
      process.stdout.write(JSON.stringify({ touched, found }));
    `);
    expect(JSON.parse(out)).toEqual({
      touched: [],
      found: ["function", "function", "function", "function", false],
    });
  });

  it("and what needs a running core says so", () => {
    const { memory, nn, tensor, isReady, warnings, optim, initSync } = fresh();
    for (const call of [memory, warnings, () => nn.dense(2, 2), () => tensor([1])]) {
      expect(call).toThrow(withCode("NOT_INITIALIZED"));
    }
    // Settings are only settings.
    expect(optim.adam({ lr: 0.1 }).type).toBe("adam");
    expect(isReady()).toBe(false);
    expect(initSync).toBeTypeOf("function");
  });
});

describe("a listener of warnings that calls the core", () => {
  it("changes nothing of what a step tells", async () => {
    const run = async (onWarning: (e: Evenkeel) => void) => {
      const evenkeel = fresh();
      const { init, manualSeed, nn, Trainer } = evenkeel;
      await init({ bytes: wasm, onWarning: () => onWarning(evenkeel) });
      manualSeed(1);
      const trainer = new Trainer(nn.sequential(nn.dense(2, 2), nn.batchNorm(2)), { loss: "mse", seed: 1 });
      const [x, y] = [
        [
          [1, 2],
          [3, 5],
        ],
        [
          [0, 1],
          [1, 0],
        ],
      ];
      const infos: unknown[] = [trainer.step(x, y)];
      for await (const _ of trainer.fit({
        x,
        y,
        onStep: ({ loss, rows, rowsSeen }) => infos.push(loss, rows, rowsSeen),
      }));
      return infos;
    };
    let warned = 0;
    const quiet = await run(() => warned++);
    expect(warned).toBe(1);
    expect(await run(({ memory, tensor }) => [memory(), tensor([7]).item()])).toEqual(quiet);
  });
});

describe("an error that nobody catches", () => {
  it.each(["index.js", "index.cjs"])("of %s: Node prints the line it came from, which is short", (entry) => {
    const url = JSON.stringify(new URL(entry, dist).href);
    const source = `const { init, tensor } = await import(${url}); await init(); tensor("no number");`;
    const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", source], { encoding: "utf8" });
    expect(status).toBe(1);
    expect(stderr).toContain('EvenkeelError: data should be numbers, nested arrays, or { data, shape } but is "no');
    expect(Math.max(...stderr.split("\n").map((line) => line.length))).toBeLessThan(400);
  });
});

describe("onnxruntime#20876: dynamic import() is forbidden in service workers", () => {
  it("the package has none, but for the builds that are loaded when init is asked for them", () => {
    const imports = (name: string) =>
      Array.from(readFileSync(path(name), "utf8").matchAll(/\bimport\s*\(["']?([^"')]*)/g), ([, what]) => what);
    const builds = ["relaxed", "threads", "threads-relaxed"].map((name) => `./inline-${name}.js`);
    /** A file and all that it imports at once. */
    const whole = (name: string): string[] => {
      const text = readFileSync(path(name), "utf8");
      const others = text.matchAll(/(?:from\s*|require\()["']\.\/([^"']+\.c?js)["']/g);
      return [name, ...Array.from(others, ([, other = ""]) => other).flatMap(whole)];
    };
    const all = (name: string) => [...new Set(whole(name))].flatMap(imports);
    for (const name of ["index.js", "index.cjs"]) expect(all(name)).toEqual(builds);
    for (const name of ["workerd.js", "edge-light.js", "worker-edge.js"]) expect(all(name)).toEqual([]);
  });

  it("a synchronous init from a compiled module, or from bytes", () => {
    for (const source of [{ module: new WebAssembly.Module(wasm) }, { bytes: wasm }]) {
      const { initSync, isReady, tensor } = fresh();
      initSync(source);
      expect(isReady()).toBe(true);
      expect(tensor([1, 2]).sum().item()).toBe(3);
    }
  });

  it("the same in a new process, from the compiled module's first line on", () => {
    const out = program(`
      import { readFileSync } from "node:fs";
      import { initSync, tensor } from ${JSON.stringify(new URL("index.js", dist).href)};
      initSync({ module: new WebAssembly.Module(readFileSync(${JSON.stringify(path("evenkeel.wasm"))})) });
      console.log(tensor([[1, 2], [3, 4]]).matmul(tensor([[1], [1]])).toArray().join());
    `);
    expect(out).toBe("3,7");
  });

  it("in a worker, from a module that was posted", async () => {
    const source = `
      const { parentPort, workerData } = require("node:worker_threads");
      const { initSync, tensor } = require(workerData.entry);
      initSync({ module: workerData.module });
      parentPort.postMessage(tensor([1, 2]).exp().toArray());
    `;
    const { tensor } = await started();
    const module = new WebAssembly.Module(wasm);
    const worker = new Worker(source, { eval: true, workerData: { module, entry: path("index.cjs") } });
    const values = await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    await worker.terminate();
    expect(values).toEqual(tensor([1, 2]).exp().toArray());
  });
});

describe("init", () => {
  it("called again waits for the first; asked for something else it refuses", async () => {
    const { init, initSync, isReady } = fresh();
    const both = [init(), init()];
    await expect(init({ bytes: wasm })).rejects.toEqual(withCode("ALREADY_INITIALIZED"));
    expect(() => initSync({ bytes: wasm })).toThrow(withCode("ALREADY_INITIALIZED"));
    await Promise.all(both);
    await init();
    expect(isReady()).toBe(true);
    await expect(init({ bytes: wasm })).rejects.toEqual(withCode("ALREADY_INITIALIZED"));
    await expect(init({ onWarning: () => {} })).rejects.toEqual(withCode("ALREADY_INITIALIZED"));
    expect(() => initSync({ bytes: wasm })).toThrow(withCode("ALREADY_INITIALIZED"));
  });

  it("that failed can be tried again", async () => {
    const { init, isReady, tensor } = fresh();
    await expect(init({ bytes: new Uint8Array([1, 2, 3, 4]) })).rejects.toEqual(withCode("WASM_NOT_WASM"));
    expect(isReady()).toBe(false);
    expect(() => tensor([1])).toThrow(withCode("NOT_INITIALIZED"));
    await init();
    expect(tensor([1]).item()).toBe(1);
  });
});

describe("onnxruntime#15644: SIMD gave wrong numbers on some devices", () => {
  it("a self-test at init refuses them, and a right wasm still starts", async () => {
    const { init, initSync, isReady, tensor } = fresh();
    const wrong = withWrongSimd(wasm);
    await expect(init({ bytes: wrong })).rejects.toEqual(withCode("SELF_TEST_FAILED"));
    expect(() => initSync({ bytes: wrong })).toThrow(withCode("SELF_TEST_FAILED"));
    expect(isReady()).toBe(false);
    expect(() => tensor([1])).toThrow(withCode("NOT_INITIALIZED"));
    await init();
    expect(tensor([1.5]).mul(2).item()).toBe(3);
  });
});

describe("tfjs#4971: SharedArrayBuffer untouched unless asked", () => {
  it("a host without it trains", () => {
    // Started by hand: Node itself looks for it when it unpacks the wasm that travels inside.
    const out = program(`
      import { readFileSync } from "node:fs";
      import { initSync, nn, Trainer } from ${JSON.stringify(new URL("index.js", dist).href)};
      const bytes = readFileSync(${JSON.stringify(path("evenkeel.wasm"))});
      Object.defineProperty(globalThis, "SharedArrayBuffer", { get() { throw new Error("touched"); } });
      initSync({ bytes });
      const trainer = new Trainer(nn.dense(2, 1), { loss: "mse" });
      for await (const { rows } of trainer.fit({ x: [[1, 2], [3, 4]], y: [1, 2] })) console.log(rows);
    `);
    expect(out).toBe("2");
  });
});
