/**
 * `evenkeel/worker`: training and prediction in a Web Worker, or a thread of `node:worker_threads`, so that a page stays
 * smooth. Importing it brings no core: that runs in the worker.
 */
import type { WasmSource } from "evenkeel";
import { threadSource } from "../../build/thread/source.js";
import { endedByHand, startWorker, type WorkerLike } from "./host.js";
import { Line, Remote } from "./remote.js";

export type { WorkerLike } from "./host.js";
export type { RemoteEvaluateOptions, RemoteFitOptions, RemoteLoss } from "./pack.js";
export type { LocalModel, Remote, RemoteModel } from "./remote.js";

/** What `spawn` takes. */
export interface SpawnOptions {
  /** How the core in the worker adds products: as for `init`. */
  readonly math?: "exact" | "relaxed";
  /** How many threads compute, the worker's among them: as for `init`. */
  readonly threads?: number | "auto";
  /** Where the wasm comes from, if not from the package: a compiled module, its bytes, or its address. */
  readonly wasm?: Extract<WasmSource, { module: unknown } | { bytes: unknown } | { url: unknown }>;
  /**
   * The worker, if not one that `spawn` starts: a worker that runs `evenkeel/worker-thread`, a function that starts one, or
   * the address of that script. For pages whose Content-Security-Policy has no `worker-src blob:`.
   */
  readonly worker?: WorkerLike | string | URL | (() => WorkerLike | Promise<WorkerLike>);
}

/**
 * Starts a worker with a core of its own. In Node it keeps the process alive only while a call is under way.
 *
 * Fails with `WORKER_MISSING` where there are no workers, `WORKER_BLOCKED` where a policy forbids them, `WORKER_FAILED` where
 * one does not start, and as `init` does where the wasm does not.
 *
 * @example
 * const remote = await spawn();
 * const history = await remote.fit(model, { x, y, loss: "crossEntropy", epochs: 3 });
 * remote.dispose();
 */
export async function spawn({ worker, wasm, ...options }: SpawnOptions = {}): Promise<Remote> {
  // Not before it is wanted: who gives the wasm never loads the package's.
  const own = () => import("../runtime/inline.js");
  const source = wasm === undefined ? (await own()).inlineSource() : absolute(wasm);
  const port = await startWorker(worker, threadSource);
  const line = new Line(port, async (name) => (await own()).inlineBuild(name));
  try {
    const backend = await line.call("start", source, options);
    port.up();
    return new Remote(line, backend);
  } catch (error) {
    line.end(endedByHand());
    throw error;
  }
}

/** A worker that is started from a text has no address that others are relative to. */
function absolute(wasm: WasmSource): WasmSource {
  if (!("url" in wasm)) return wasm;
  const { location } = globalThis as { location?: { href: string } };
  return { url: location === undefined ? String(wasm.url) : new URL(wasm.url, location.href).href };
}
