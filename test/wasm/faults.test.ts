/**
 * When a host has no memory left or the core traps (PAIN.md: onnxruntime#10957, candle#1695: such things show as
 * numbers or `unreachable`): errors with a code, and a core that goes on working or says that it is dead.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { withMemoryLimit, withTrapIn } from "./wasm-edits.js";

type Evenkeel = typeof import("evenkeel");

const path = (name: string): string => fileURLToPath(new URL(`../../dist/${name}`, import.meta.url));
const wasm = readFileSync(path("evenkeel.wasm"));
const require = createRequire(import.meta.url);

async function startedFrom(bytes: BufferSource): Promise<Evenkeel> {
  delete require.cache[path("index.cjs")];
  const evenkeel = require(path("index.cjs")) as Evenkeel;
  await evenkeel.init({ bytes });
  return evenkeel;
}

const withCode = (code: string) => expect.objectContaining({ name: "EvenkeelError", code });

describe("onnxruntime#10957: out of memory", () => {
  const pages = 1024; // 64 MiB
  const large = 2 ** 25; // 128 MiB of floats

  const wants: [string, (e: Evenkeel) => unknown][] = [
    ["a tensor made by the core", (e) => e.full([large], 1)],
    ["a tensor of given values", (e) => e.tensor(new Float32Array(large))],
    ["random numbers", (e) => e.rand([large])],
    ["a row of a call", (e) => e.ones([1]).assign(new Float32Array(large))],
    ["a layer", (e) => e.nn.dense(2 ** 12, 2 ** 13)],
    ["an operation", (e) => e.ones([1, 2 ** 13]).expand([2 ** 12, 2 ** 13])],
    ["a product", (e) => e.ones([2 ** 13, 1]).matmul(e.ones([1, 2 ** 12]))],
    ["a prediction", (e) => e.nn.dense(1, 2 ** 15).predict(e.ones([1024, 1]))],
    [
      "a data set",
      (e) =>
        new e.Trainer(e.nn.dense(2, 1), { loss: "mse" })
          .fit({ x: { data: new Float32Array(large), shape: [large / 2, 2] }, y: [1] })
          .next(),
    ],
  ];
  it.each(wants)("%s: a code, the bytes wanted and those in use, and life goes on", async (_, want) => {
    const evenkeel = await startedFrom(withMemoryLimit(wasm, pages));
    const { memory, tensor, isReady } = evenkeel;
    const error = await (async () => want(evenkeel))().catch((e: unknown) => e);
    expect(error).toEqual(withCode("OUT_OF_MEMORY"));
    const { data, message } = error as { data: { wanted: number; live: number }; message: string };
    expect(data.wanted).toBeGreaterThanOrEqual(4 * 2 ** 25);
    expect(data.live).toBeLessThan(pages * 65536);
    expect(message).toContain(String(data.wanted));
    expect(isReady()).toBe(true);
    expect(tensor([1, 2]).sum().item()).toBe(3);
    expect(memory().wasm).toBeLessThanOrEqual(pages * 65536);
  });

  it("a training step that has no room changes nothing, and a smaller one works", async () => {
    const { nn, optim, Trainer } = await startedFrom(withMemoryLimit(wasm, pages));
    const model = nn.sequential(nn.dense(10, 1000), nn.batchNorm(1000), nn.dense(1000, 1));
    const trainer = new Trainer(model, { loss: "mse", optimizer: optim.adam() });
    const rows = (n: number) =>
      [
        { data: new Float32Array(10 * n).map((_, i) => Math.sin(i)), shape: [n, 10] },
        { data: new Float32Array(n).fill(1), shape: [n, 1] },
      ] as const;
    trainer.step(...rows(8));
    const before = JSON.stringify(model.state());
    expect(() => trainer.step(...rows(10_000))).toThrow(withCode("OUT_OF_MEMORY"));
    expect(trainer.updates).toBe(1);
    const weights = (text: string) =>
      Object.entries(JSON.parse(text)).filter(([name]) => !/running|tracked/.test(name));
    expect(weights(JSON.stringify(model.state()))).toEqual(weights(before));
    expect(trainer.step(...rows(8)).loss).toBeGreaterThan(0);
  });

  it("a shape that no wasm can hold", async () => {
    const { zeros, eye } = await startedFrom(wasm);
    for (const call of [() => zeros([2 ** 30]), () => zeros([65536, 65536]), () => eye(100_000)]) {
      expect(call).toThrow(withCode("SHAPE_MISMATCH"));
    }
  });
});

describe("candle#1695: a core that traps", () => {
  const trap = () => startedFrom(withTrapIn(wasm, "matmul"));

  it("says so with a code and its cause, at once and from then on", async () => {
    const { eye, init, initSync, isReady, memory, nn, tensor, Trainer, warnings, scope, trimMemory } = await trap();
    const model = nn.dense(2, 2);
    const trainer = new Trainer(model, { loss: "mse" });
    const t = eye(2);
    expect(isReady()).toBe(true);
    let error: unknown;
    try {
      t.matmul(t);
    } catch (e) {
      error = e;
    }
    expect(error).toEqual(withCode("CORE_TRAPPED"));
    expect((error as Error).cause).toBeInstanceOf(WebAssembly.RuntimeError);
    expect(isReady()).toBe(false);
    const calls = [
      () => t.add(1),
      () => t.toArray(),
      () => t.withData((v) => v.length),
      () => tensor([1]),
      () => model.forward([[1, 2]]),
      () => model.predict([[1, 2]]),
      () => model.state(),
      () => trainer.step([[1, 2]], [[1, 2]]),
      () => nn.relu(),
      () => scope(() => tensor([1])),
      () => initSync({ bytes: wasm }),
      memory,
      trimMemory,
      warnings,
    ];
    for (const call of calls) expect(call).toThrow(withCode("CORE_TRAPPED"));
    await expect(init()).rejects.toEqual(withCode("CORE_TRAPPED"));
    await expect(init({ bytes: wasm })).rejects.toEqual(withCode("CORE_TRAPPED"));
    await expect(trainer.fit({ x: [[1, 2]], y: [[1, 2]] }).next()).rejects.toEqual(withCode("CORE_TRAPPED"));
    await expect(trainer.evaluate({ x: [[1, 2]], y: [[1, 2]] })).rejects.toEqual(withCode("CORE_TRAPPED"));
  });

  it("inside a scope: the trap comes out, not what freeing on a dead core does", async () => {
    const { eye, scope } = await trap();
    const call = () =>
      scope(() => {
        const [a, b] = [eye(2), eye(3).add(1)];
        return a.matmul(b);
      });
    expect(call).toThrow(withCode("CORE_TRAPPED"));
  });

  it("handles can still be disposed of", async () => {
    const { eye, nn, Trainer } = await trap();
    const t = eye(2);
    const model = nn.dense(2, 2);
    const trainer = new Trainer(model, { loss: "mse" });
    expect(() => t.matmul(t)).toThrow(withCode("CORE_TRAPPED"));
    for (const handle of [t, trainer, model]) expect(() => handle.dispose()).not.toThrow();
    expect(t.disposed).toBe(true);
  });

  it("handles that the garbage collector finds later do not end the process", () => {
    const folder = mkdtempSync(join(tmpdir(), "evenkeel-"));
    const file = join(folder, "trap.wasm");
    // What a finalizer would call traps too.
    writeFileSync(file, withTrapIn(withTrapIn(wasm, "matmul"), "release"));
    const program = `
      const { readFileSync } = require("node:fs");
      const { initSync, eye, tensor } = require(${JSON.stringify(path("index.cjs"))});
      initSync({ bytes: readFileSync(${JSON.stringify(file)}) });
      let found = 0;
      const registry = new FinalizationRegistry(() => found++);
      (() => {
        for (let i = 0; i < 100; i++) registry.register(tensor([i]));
        try {
          eye(2).matmul(eye(2));
        } catch (error) {
          process.stdout.write(error.code + " ");
        }
      })();
      (async () => {
        for (let turn = 0; turn < 50 && found === 0; turn++) {
          gc();
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        process.stdout.write(found > 0 ? "lives" : "nothing was collected");
      })();
    `;
    try {
      const out = execFileSync(process.execPath, ["--expose-gc", "-e", program], { encoding: "utf8" });
      expect(out).toBe("CORE_TRAPPED lives");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
