/**
 * `evenkeel/worker` in Chromium and Firefox, from the built files as they are: the bits of Node, predictions and an abort
 * in the middle of a training, and what a Content-Security-Policy makes of it.
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
// @ts-expect-error: a script without types
import { listen, types } from "../runtimes/browsers.mjs";
import { type BrowserName, openPage, type Page } from "./browser.js";

const dist = new URL("../../dist/", import.meta.url);

/** Runs here and in the page: trains from a description, and gives the bits of the weights. */
const trainIn = `async (spawn, options) => {
  const remote = await spawn(options);
  try {
    const children = [{ type: "batch_norm", features: 3 }, { type: "linear", in_features: 3, out_features: 8 }, { type: "relu" }, { type: "linear", in_features: 8, out_features: 2 }];
    const net = await remote.load({ type: "sequential", children }, { seed: 1 });
    const x = Array.from({ length: 90 }, (_, i) => [i % 7, (i * i) % 11, i % 13]);
    const data = { x, y: x.map(([a, b]) => (a > b ? 1 : 0)), loss: "crossEntropy" };
    await net.fit({ ...data, epochs: 5 });
    const { data: weights } = (await net.state())["3.weight"];
    const stop = new AbortController();
    const endless = net.fit({ ...data, epochs: 1e9, signal: stop.signal }).then(() => "ended", (error) => error.name);
    // If a training let nothing through, this would never end.
    const seen = new Set();
    while (seen.size < 3) seen.add((await net.predict([[1, 2, 3]])).data.join());
    stop.abort();
    return { bits: [...new Uint32Array(weights.slice().buffer)], endless: await endless };
  } catch (error) {
    return { code: error.code, message: error.message };
  } finally {
    remote.dispose();
  }
}`;

interface Outcome {
  readonly bits?: number[];
  readonly endless?: string;
  readonly code?: string;
}

const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
const script = `import { spawn } from "/worker.js";
const train = ${trainIn};
window.run = (options) => train(spawn, options).catch((error) => ({ code: error.code }));`;

const server = createServer(async ({ url = "/" }, response) => {
  const { pathname } = new URL(url, "http://localhost");
  if (pathname !== "/open") response.setHeader("content-security-policy", policy);
  if (pathname === "/open" || pathname === "/strict") {
    response.setHeader("content-type", "text/html");
    response.end(
      `<!doctype html><title>x</title><link rel="icon" href="data:,"><script type="module" src="/run.js"></script>`,
    );
    return;
  }
  response.setHeader("content-type", types[extname(pathname)] ?? "text/plain");
  if (pathname === "/run.js") response.end(script);
  else
    readFile(new URL(`.${pathname}`, dist)).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
});
let base: string;
let close: () => Promise<unknown>;
let here: Outcome;
beforeAll(async () => {
  ({ address: base, close } = await listen(server));
  const { spawn } = await import(new URL("worker.js", dist).href);
  here = await new Function(`return ${trainIn}`)()(spawn);
});
afterAll(() => close());

describe.each<BrowserName>(["chromium", "firefox"])("in %s", (name) => {
  let page: Page;
  beforeAll(async () => {
    page = await openPage(name);
  });
  afterAll(() => page?.close());

  async function run(path: string, options = "{}"): Promise<Outcome> {
    await page.goto(new URL(path, base).href);
    await page.until("window.run");
    return page.value<Outcome>(`run(${options})`);
  }

  it("it gives the bits of Node, answers while it trains, and stops when told to", async () => {
    expect(here.endless).toBe("AbortError");
    expect(await run("/open")).toEqual(here);
    // Addresses are relative to the page, not to a worker that has none.
    expect(await run("/open", `{ wasm: { url: "evenkeel.wasm" } }`)).toEqual(here);
  });

  it("a policy without worker-src blob: is an error that says so, and a worker that is handed over is not", async () => {
    expect(await run("/strict")).toEqual({ code: "WORKER_BLOCKED" });
    expect(await run("/strict", `{ worker: "/worker-thread.js" }`)).toEqual(here);
    expect(await run("/strict", `{ worker: () => new Worker("/worker-thread.js", { type: "module" }) }`)).toEqual(here);
    expect(await run("/open", `{ worker: "/nothing.js" }`)).toEqual({ code: "WORKER_FAILED" });
  });
});
