/**
 * The workers of the build with threads: each runs an instance of its own on the shared memory, and nothing else: all that
 * they ever call is `workerMain`, which does not come back. Not imported by the entries for edge hosts, which have no
 * workers.
 */
import { builtin } from "./builtin.js";

// What a worker runs, in every kind of worker. Of the wasm's imports only the one at the start is called; any other
// would be one from JavaScript's side of the core, where a worker never is.
const source = `(() => {
  const work = ({ module, memory }, tell) => {
    let exports;
    try {
      const imports = {};
      for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
        imports[from] ??= {};
        imports[from][name] = kind === "memory" ? memory : () => {};
      }
      exports = new WebAssembly.Instance(module, imports).exports;
      exports.__wbindgen_start(1048576);
      tell({ up: true });
    } catch (error) {
      tell({ up: false, reason: String(error) });
      return;
    }
    try {
      exports.workerMain();
    } catch (error) {
      exports.workerFailed();
      throw error;
    }
  };
  const threads = globalThis.process?.getBuiltinModule?.("node:worker_threads");
  if (threads?.parentPort) work(threads.workerData, (message) => threads.parentPort.postMessage(message));
  else globalThis.onmessage = ({ data }) => work(data, (message) => globalThis.postMessage(message));
})();`;

/** Threads for `"auto"`: one a processor, but no more than eight, beyond which small networks gain nothing. */
function processors(): number {
  const os = builtin("node:os");
  const found = os?.availableParallelism?.() ?? globalThis.navigator?.hardwareConcurrency ?? os?.cpus().length ?? 1;
  return Math.max(1, Math.min(found, 8));
}

/** Why this host cannot have threads; nothing if it may. */
function noThreads(): string | undefined {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  if (crossOriginIsolated === false) {
    return (
      "The page is not cross-origin isolated. Its server must send the headers Cross-Origin-Opener-Policy: same-origin " +
      "and Cross-Origin-Embedder-Policy: require-corp."
    );
  }
  if (typeof SharedArrayBuffer !== "function") return "This host has no SharedArrayBuffer.";
  if (builtin("node:worker_threads") === undefined && typeof Worker !== "function") return "This host has no workers.";
  return undefined;
}

/**
 * Starts so many workers, waits until each is up, and gives what ends them. Fails with the first that fails, and then none
 * is left.
 */
async function startWorkers(size: number, module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<() => void> {
  const ends: (() => void)[] = [];
  const end = () => {
    for (const one of ends) one();
  };
  const host = nodeHost() ?? webHost();
  try {
    await Promise.all(Array.from({ length: size }, () => host.start({ module, memory }, ends)));
    return end;
  } catch (error) {
    end();
    throw error;
  } finally {
    host.release();
  }
}

interface Host {
  /** Starts a worker, adds to `ends` how it is ended, and waits until it is up. */
  start(data: object, ends: (() => void)[]): Promise<void>;
  /** When all are up. */
  release(): void;
}

interface Told {
  readonly up: boolean;
  readonly reason?: string;
}

/** What a worker's first message comes to. */
function judge(told: unknown, resolve: () => void, reject: (error: unknown) => void): void {
  const { up, reason } = told as Told;
  if (up) resolve();
  else reject(new Error(reason));
}

function nodeHost(): Host | undefined {
  const threads = builtin("node:worker_threads");
  if (threads === undefined) return undefined;
  const start: Host["start"] = (workerData, ends) =>
    new Promise((resolve, reject) => {
      const worker = new threads.Worker(source, { eval: true, workerData, execArgv: [] });
      ends.push(() => void worker.terminate());
      worker.on("message", (told) => {
        // Only now: until it is up, whoever waits for it needs it to keep the process.
        worker.unref();
        judge(told, resolve, reject);
      });
      worker.on("error", reject);
      worker.on("exit", (code) => reject(new Error(`A worker ended with ${code}.`)));
    });
  return { start, release: () => {} };
}

function webHost(): Host {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const start: Host["start"] = (data, ends) =>
    new Promise((resolve, reject) => {
      const worker = new Worker(url);
      ends.push(() => worker.terminate());
      worker.onmessage = ({ data: told }) => judge(told, resolve, reject);
      // What a Content-Security-Policy forbids says no more than this.
      worker.onerror = ({ message }) =>
        reject(new Error(message || "a worker was not started; does a Content-Security-Policy lack worker-src blob:?"));
      worker.postMessage(data);
    });
  return { start, release: () => URL.revokeObjectURL(url) };
}

/** Workers, for the entries whose hosts can have them. */
export const workers = { processors, noThreads, startWorkers };
