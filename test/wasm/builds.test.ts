/**
 * The builds beside the default: threads give the same bits with any number, relaxed arithmetic gives nearly the same
 * numbers, and where a host has neither, the default runs and says why. Each program is a process of its own, which
 * must end by itself although its workers live.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withTrapIn, withWrongSimd } from "./wasm-edits.js";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const dist = (name: string): string => path(`../../dist/${name}`);
const hosts: [string, string][] = [
  ["this Node", process.execPath],
  ["a newer Node", path("../newer-node/node_modules/node22/bin/node")],
];
const [, newer] = hosts[1] as [string, string];
const { hash } = JSON.parse(readFileSync(path("../same_bits.json"), "utf8")) as { hash: string };

const output = (node: string, args: string[]): string =>
  execFileSync(node, args, { encoding: "utf8", timeout: 60_000, stdio: ["ignore", "pipe", "pipe"] }).trim();

interface Net {
  readonly backend: { math: string; mathReason?: string; threads: number; threadsReason?: string };
  readonly losses: readonly number[];
  readonly hash: string;
  readonly live: readonly [number, number];
}

function wideNet(node: string, options?: object, entry = "index.js"): Net {
  const args = [path("wide-net.mjs"), dist(entry), ...(options === undefined ? [] : [JSON.stringify(options)])];
  return JSON.parse(output(node, args)) as Net;
}

/** Runs a program that has all of evenkeel's names, and gives what it printed. */
function program(source: string, node = process.execPath): string {
  return output(node, [
    "--input-type=module",
    "-e",
    `import * as evenkeel from ${JSON.stringify(new URL("../../dist/index.js", import.meta.url).href)};
     import { readFileSync } from "node:fs";
     const { backend, eye, init, initSync, isReady, randn, tensor } = evenkeel;
     const wasm = (name) => readFileSync(${JSON.stringify(dist(""))} + name + ".wasm");
     const print = (x) => process.stdout.write(JSON.stringify(x));
     ${source}`,
  ]);
}

const printed = (source: string, node?: string): unknown => JSON.parse(program(source, node));

let one: Net;
beforeAll(() => {
  one = wideNet(process.execPath);
});

describe("threads", () => {
  it.each(hosts)("the committed bits, in %s", (_, node) => {
    const args = [path("same-bits.mjs"), dist("index.js"), JSON.stringify({ threads: 2 })];
    expect(JSON.parse(output(node, args))).toMatchObject({ hash });
  });

  it.each(hosts)("any number of them: the same bits as one, and all memory comes back, in %s", (_, node) => {
    expect(one.backend).toEqual({ math: "exact", threads: 1 });
    for (const threads of [2, 3, 5]) {
      const net = wideNet(node, { threads });
      expect(net).toEqual({ ...one, backend: { math: "exact", threads } });
      expect(net.live[0]).toBe(net.live[1]);
    }
  });

  it("from CommonJS too", () => {
    expect(wideNet(process.execPath, { threads: 2 }, "index.cjs")).toEqual({
      ...one,
      backend: { math: "exact", threads: 2 },
    });
  });

  it('"auto" takes the processors that there are', () => {
    const threads = printed(`
      import os from "node:os";
      os.availableParallelism = () => 3;
      await init({ threads: "auto" });
      print(backend().threads);
    `);
    expect(threads).toBe(3);
  });

  it("one is the default build, and asks for nothing", () => {
    const seen = printed(`
      globalThis.SharedArrayBuffer = undefined;
      await init({ threads: 1 });
      print([backend(), tensor([1, 2]).sum().item()]);
    `);
    expect(seen).toEqual([{ math: "exact", threads: 1 }, 3]);
  });

  it.each([
    ["no shared memory", "delete globalThis.SharedArrayBuffer", "This host has no SharedArrayBuffer."],
    [
      "a page that is not isolated",
      "globalThis.crossOriginIsolated = false",
      expect.stringMatching(/not cross-origin isolated.*Cross-Origin-Opener-Policy: same-origin/),
    ],
    ["no workers", "process.getBuiltinModule = () => undefined; delete globalThis.Worker", "This host has no workers."],
    [
      "a process that only throws, as in Next's edge functions",
      "process.getBuiltinModule = () => { throw new Error('not supported'); }; delete globalThis.Worker",
      "This host has no workers.",
    ],
    [
      "workers that are forbidden",
      "const { getBuiltinModule } = process; process.getBuiltinModule = (name) => name === 'node:worker_threads' ? " +
        "{ Worker: class { constructor() { throw new Error('no'); } } } : getBuiltinModule(name)",
      "The workers could not be started: no",
    ],
    [
      "no memory to share",
      "WebAssembly.Memory = class { constructor() { throw new RangeError('could not allocate memory'); } }",
      "The host gave the wasm no memory: could not allocate memory",
    ],
  ])("where there is %s: one thread, and why", (_, before, threadsReason) => {
    const seen = printed(`
      ${before};
      await init({ threads: 2 });
      print([backend(), eye(200).matmul(eye(200)).sum().item()]);
    `);
    expect(seen).toEqual([{ math: "exact", threads: 1, threadsReason }, 200]);
  });

  it("a wasm that is given must be the one for threads", () => {
    const start = (name: string) =>
      printed(`await init({ threads: 2, bytes: wasm("${name}") }); print([backend(), eye(300).sum().item()]);`);
    expect(start("evenkeel")).toEqual([
      {
        math: "exact",
        threads: 1,
        threadsReason: "The wasm that init was given is another build: evenkeel-threads.wasm has it.",
      },
      300,
    ]);
    expect(start("evenkeel-threads")).toEqual([{ math: "exact", threads: 2 }, 300]);
  });

  it("initSync cannot wait for them", () => {
    const seen = printed('initSync({ threads: 2, bytes: wasm("evenkeel-threads") }); print(backend());');
    expect(seen).toEqual({
      math: "exact",
      threads: 1,
      threadsReason: "initSync() cannot wait until workers are up.",
    });
  });

  it("text crosses a shared memory, and views follow when it grows", () => {
    const seen = printed(`
      await init({ threads: 2 });
      const { full, memory, nn, warnings } = evenkeel;
      const t = tensor([1, 2, 3]);
      const before = memory().wasm;
      const big = full([30_000_000], 1);
      let message;
      try { eye(2).matmul(eye(3)); } catch (error) { message = error.message; }
      const shown = nn.sequential(nn.dense(2, 3), nn.relu()).summary([4, 2]).toString();
      print([
        [...t.toArray()], t.withData((view) => [...view.fill(7)]), t.sum().item(), big.sum().item(),
        memory().wasm > before, message, shown.includes("dense"), warnings(),
      ]);
    `) as unknown[];
    expect(seen.slice(0, 5)).toEqual([[1, 2, 3], [7, 7, 7], 21, 30_000_000, true]);
    expect(seen[5]).toContain("matmul");
    expect(seen.slice(6)).toEqual([true, []]);
  });
});

describe("workers end with the instance", () => {
  const folder = mkdtempSync(join(tmpdir(), "evenkeel-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const watched = `
    import { Worker } from "node:worker_threads";
    let ended = 0;
    const { terminate } = Worker.prototype;
    Worker.prototype.terminate = function () { ended++; return terminate.call(this); };
  `;

  it("that has trapped", () => {
    const file = join(folder, "trap.wasm");
    writeFileSync(file, withTrapIn(readFileSync(dist("evenkeel-threads.wasm")), "matmul"));
    const seen = printed(`
      ${watched}
      await init({ threads: 3, bytes: readFileSync(${JSON.stringify(file)}) });
      const { threads } = backend();
      let code;
      try { eye(2).matmul(eye(2)); } catch (error) { code = error.code; }
      print([threads, code, ended, isReady()]);
    `);
    expect(seen).toEqual([3, "CORE_TRAPPED", 2, false]);
  });

  it("that fails its self-test, before there are any", () => {
    const file = join(folder, "wrong.wasm");
    writeFileSync(file, withWrongSimd(readFileSync(dist("evenkeel-threads.wasm"))));
    const seen = printed(`
      let code;
      try { await init({ threads: 2, bytes: readFileSync(${JSON.stringify(file)}) }); } catch (error) { code = error.code; }
      await init({ threads: 2 });
      print([code, backend().threads]);
    `);
    expect(seen).toEqual(["SELF_TEST_FAILED", 2]);
  });

  it("and a worker that dies at its start leaves the work to the others", () => {
    const file = join(folder, "idle.wasm");
    writeFileSync(file, withTrapIn(readFileSync(dist("evenkeel-threads.wasm")), "workerMain"));
    const seen = printed(`
      await init({ threads: 2, bytes: readFileSync(${JSON.stringify(file)}) });
      print(eye(300).matmul(eye(300)).sum().item());
    `);
    expect(seen).toBe(300);
  });
});

describe("relaxed arithmetic", () => {
  it("is nearly the same where the host has it, and says so", () => {
    const net = wideNet(newer, { math: "relaxed" });
    expect(net.backend).toEqual({ math: "relaxed", threads: 1 });
    expect(net.hash).not.toBe(one.hash);
    for (const [i, loss] of net.losses.entries()) expect(loss).toBeCloseTo(one.losses[i] as number, 3);
    expect(net.live[0]).toBe(net.live[1]);
  });

  it("with threads: the same bits as without", () => {
    const [alone, several] = [{ math: "relaxed" }, { math: "relaxed", threads: 2 }].map((o) => wideNet(newer, o));
    expect(several).toEqual({ ...alone, backend: { math: "relaxed", threads: 2 } });
  });

  const mathReason = "This host's WebAssembly has no relaxed SIMD.";

  it.runIf(Number.parseInt(process.versions.node, 10) < 22)("is exact in Node 20, which lacks it, and says why", () => {
    expect(wideNet(process.execPath, { math: "relaxed" })).toEqual({
      ...one,
      backend: { math: "exact", mathReason, threads: 1 },
    });
    expect(wideNet(process.execPath, { math: "relaxed", threads: 2 }).backend).toEqual({
      math: "exact",
      mathReason,
      threads: 2,
    });
  });

  it("is exact wherever a host does not know the instruction", () => {
    const seen = printed(
      'WebAssembly.validate = () => false; await init({ math: "relaxed" }); print(backend());',
      newer,
    );
    expect(seen).toEqual({ math: "exact", mathReason, threads: 1 });
  });

  it("from a wasm that is given", () => {
    const start = (name: string) =>
      printed(`await init({ math: "relaxed", bytes: wasm("${name}") }); print(backend());`, newer);
    expect(start("evenkeel-relaxed")).toEqual({ math: "relaxed", threads: 1 });
    expect(start("evenkeel")).toEqual({
      math: "exact",
      mathReason: "The wasm that init was given is another build: evenkeel-relaxed.wasm has it.",
      threads: 1,
    });
    expect(printed('initSync({ math: "relaxed", bytes: wasm("evenkeel-relaxed") }); print(backend());', newer)).toEqual(
      {
        math: "relaxed",
        threads: 1,
      },
    );
  });
});

describe("options that make no sense", () => {
  it("are errors before anything happens", () => {
    const seen = printed(`
      const codes = [];
      const bad = [{ threads: 0 }, { threads: 1.5 }, { threads: "many" }, { threads: 65 }, { math: "fast" }, { math: null }];
      for (const options of bad) {
        try { await init(options); } catch (error) { codes.push([error.code, error.message]); }
      }
      try { initSync({ threads: -1, bytes: wasm("evenkeel") }); } catch (error) { codes.push([error.code, error.message]); }
      let before;
      try { backend(); } catch (error) { before = error.code; }
      const ready = isReady();
      await init();
      print([codes, before, ready, backend()]);
    `);
    const threads = (given: string) => [
      "BAD_ARGUMENT",
      `threads should be "auto" or a whole number from 1 to 64 but is ${given}.`,
    ];
    const math = (given: string) => ["BAD_ARGUMENT", `math should be "exact" or "relaxed" but is ${given}.`];
    expect(seen).toEqual([
      [threads("0"), threads("1.5"), threads('"many"'), threads("65"), math('"fast"'), math("null"), threads("-1")],
      "NOT_INITIALIZED",
      false,
      { math: "exact", threads: 1 },
    ]);
  });
});
