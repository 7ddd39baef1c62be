/** Starts a worker wherever there are any, or takes the caller's, and makes them all look the same. */
import { EvenkeelError } from "../errors.js";
import { builtin } from "../runtime/builtin.js";

/** A worker of Node's kind. */
interface NodeWorker {
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
  // biome-ignore lint/suspicious/noExplicitAny: each event has a type of its own
  on(event: string, listener: (value: any) => void): unknown;
  ref(): void;
  unref(): void;
  terminate(): unknown;
}

/** A worker of the caller's: a Web Worker, or one of `node:worker_threads`. */
export type WorkerLike = Worker | NodeWorker;

/** A worker to speak with. */
export interface Port {
  post(message: unknown, transfer: ArrayBuffer[]): void;
  /** What to do with a message, and once when it ends by itself. */
  listen(onMessage: (message: unknown) => void, onEnd: (error: EvenkeelError) => void): void;
  /** Whether it keeps the process alive, where there is such a thing. */
  hold(held: boolean): void;
  /** It has begun to answer. */
  up(): void;
  end(): void;
}

interface Threads {
  Worker: new (source: string | URL, options: object) => NodeWorker;
}

const passWorker =
  'Hand one over: spawn({ worker: () => new Worker(new URL("evenkeel/worker-thread", import.meta.url), { type: "module" }) }).';

/** @internal */
export function noWorker(): EvenkeelError {
  return new EvenkeelError(
    "WORKER_MISSING",
    "This host has no workers (edge functions and service workers have none): train where you are, by Trainer.",
  );
}

const textOf = (cause: unknown): string => String(Object(cause).message ?? cause);

function failed(cause: unknown): EvenkeelError {
  return new EvenkeelError("WORKER_FAILED", `The worker could not be started: ${textOf(cause)}`, {}, cause);
}

function blocked(cause?: unknown): EvenkeelError {
  return new EvenkeelError(
    "WORKER_BLOCKED",
    "The worker was not started. If the page has a Content-Security-Policy, add blob: to its worker-src. " +
      `Or serve the worker's script as a file. ${passWorker}`,
    {},
    cause,
  );
}

function ended(how: string, cause?: unknown): EvenkeelError {
  return new EvenkeelError(
    "WORKER_ENDED",
    `The worker has ended ${how}. What ran in it is lost: spawn() another.`,
    {},
    cause,
  );
}

/** @internal After `dispose`. */
export const endedByHand = (): EvenkeelError => ended("by dispose()");

/** The worker: the caller's, or one of `source`. */
export async function startWorker(
  given: WorkerLike | string | URL | (() => WorkerLike | Promise<WorkerLike>) | undefined,
  source: string,
): Promise<Port> {
  if (typeof given === "function") return portOf(await given());
  if (typeof given === "object" && "postMessage" in given) return portOf(given);
  const threads = builtin("node:worker_threads") as unknown as Threads | undefined;
  if (threads !== undefined) {
    try {
      return nodePort(
        given === undefined
          ? new threads.Worker(source, { eval: true, execArgv: [] })
          : new threads.Worker(given, { execArgv: [] }),
      );
    } catch (cause) {
      throw failed(cause);
    }
  }
  if (typeof Worker !== "function") throw noWorker();
  if (given !== undefined) {
    try {
      return webPort(new Worker(given, { type: "module" }), failed);
    } catch (cause) {
      throw failed(cause);
    }
  }
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    return webPort(new Worker(url), blocked, () => URL.revokeObjectURL(url));
  } catch (cause) {
    URL.revokeObjectURL(url);
    throw blocked(cause);
  }
}

function portOf(worker: WorkerLike): Port {
  return "on" in worker && typeof worker.on === "function"
    ? nodePort(worker as NodeWorker)
    : webPort(worker as Worker, failed);
}

function nodePort(worker: NodeWorker): Port {
  let up = false;
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    listen(onMessage, onEnd) {
      worker.on("message", onMessage);
      worker.on("messageerror", (cause) => onEnd(ended("its messages", cause)));
      worker.on("error", (cause) => onEnd(up ? ended(`with an error: ${textOf(cause)}`, cause) : failed(cause)));
      worker.on("exit", (code) => {
        const how = `with exit code ${code}`;
        onEnd(up ? ended(how) : failed(`it ended ${how}`));
      });
    },
    hold: (held) => (held ? worker.ref() : worker.unref()),
    up: () => {
      up = true;
    },
    end: () => void worker.terminate(),
  };
}

/** `unstarted` says what is wrong when an error comes before it is up; what a policy forbids has no text. */
function webPort(worker: Worker, unstarted: (cause: unknown) => EvenkeelError, release = () => {}): Port {
  let up = false;
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    listen(onMessage, onEnd) {
      worker.addEventListener("message", ({ data }) => onMessage(data));
      worker.addEventListener("messageerror", (cause) => onEnd(ended("its messages", cause)));
      worker.addEventListener("error", (event) => {
        release();
        const cause = event.message ? new Error(event.message) : new Error("its script was not loaded");
        if (up) onEnd(ended(`with an error: ${cause.message}`, cause));
        else onEnd(event.message ? failed(cause) : unstarted(cause));
      });
    },
    hold: () => {},
    up: () => {
      up = true;
      release();
    },
    end: () => {
      release();
      worker.terminate();
    },
  };
}
