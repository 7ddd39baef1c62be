/**
 * The running core: whether there is one, calls into it with errors translated, and what it warns of.
 *
 * One instance serves the whole program. If it ever traps (a bug of ours), its memory can no longer be trusted: it is
 * marked dead and every later call says so.
 */
import { __wbg_finalize_init, memoryUse, takeError, takeWarnings, trim } from "../build/wasm/evenkeel.js";
import { EvenkeelError } from "./errors.js";
import { messageOf, translated } from "./messages.js";
import { type Backend, type MathMode, wantedOf } from "./runtime/builds.js";
import type { WasmSource } from "./runtime/source.js";
import { type OwnWasm, type Running, run, runSync } from "./runtime/start.js";
import { decode } from "./wire.js";

/** Something worth knowing that is no error. */
export interface Warning {
  /** Stable, like an error's. */
  readonly code: string;
  /** For people. */
  readonly message: string;
}

/** What `init` takes beside the place of the wasm. */
export interface InitOptions {
  /** Called with each warning; without it warnings wait in `warnings()`. Nothing is ever written to the console. */
  readonly onWarning?: (warning: Warning) => void;
  /**
   * `"relaxed"` loads a build that fuses multiplications with additions, where the host has relaxed SIMD: faster on many
   * processors and as accurate, but not the same bits, nor the same ones everywhere. The default is `"exact"`.
   */
  readonly math?: MathMode;
  /**
   * How many threads compute, the caller's among them; `"auto"` is one a processor, up to eight. The results have the
   * same bits with any number. Where threads cannot be had there is one, and `backend().threadsReason` says why.
   */
  readonly threads?: number | "auto";
}

let running: Running | undefined;
let starting: Promise<void> | undefined;
let dead: unknown;
let listener: ((warning: Warning) => void) | undefined;
let waiting: Warning[] = [];

function started(result: Running, options: InitOptions): void {
  running = result;
  listener = options.onWarning;
}

function alreadyStarted(): EvenkeelError {
  return new EvenkeelError(
    "ALREADY_INITIALIZED",
    "evenkeel runs already, with the wasm of the first init(). Call init() without arguments to wait for it.",
  );
}

/** Starts the core from `source`, or waits for the start under way when the call asked for nothing special. */
export async function start(source: WasmSource | OwnWasm, options: InitOptions, plain: boolean): Promise<void> {
  if (dead !== undefined) throw trapped();
  if (running !== undefined || starting !== undefined) {
    if (!plain) throw alreadyStarted();
    return starting;
  }
  const wanted = wantedOf(options);
  starting = run(source, wanted).then((result) => started(result, options));
  try {
    await starting;
  } finally {
    starting = undefined;
  }
}

/** The same at once. */
export function startSync(
  source: { module: WebAssembly.Module } | { bytes: BufferSource },
  options: InitOptions,
): void {
  if (dead !== undefined) throw trapped();
  if (running !== undefined || starting !== undefined) throw alreadyStarted();
  started(runSync(source, wantedOf(options)), options);
}

/** Whether the core runs. */
export function isReady(): boolean {
  return running !== undefined && dead === undefined;
}

/** What computes: how it adds products and on how many threads, and why that is not what `init` was asked for. */
export function backend(): Backend {
  if (dead !== undefined) throw trapped();
  if (running === undefined) throw notReady();
  return running.backend;
}

/** The core's memory, for views that are used at once: growth detaches them. */
export function buffer(): ArrayBuffer {
  if (running === undefined) throw notReady();
  return running.loaded.exports.memory.buffer;
}

function notReady(): EvenkeelError {
  return new EvenkeelError("NOT_INITIALIZED", "evenkeel is not running yet: await init() first.");
}

/** An error with the text that belongs to its code. */
export function coreError(code: string, layer: string, data: Readonly<Record<string, unknown>>): EvenkeelError {
  return new EvenkeelError(code, messageOf(code, layer, data), layer === "" ? data : { ...data, layer });
}

/** An error that came out of a layer, told from a model that has this layer at `path`. */
export function placed(
  error: EvenkeelError,
  path: string,
  more: Readonly<Record<string, unknown>> = {},
): EvenkeelError {
  const { layer = "", ...data } = error.data as { layer?: string };
  return coreError(error.code, [path, layer].filter((p) => p !== "").join("."), translated({ ...data, ...more }));
}

function translate(cause: unknown): unknown {
  // What the core throws itself is null; what it means waits there.
  if (cause === null) {
    const [code, layer, data] = decode(takeError()) as [code: string, layer: string, data: Record<string, unknown>];
    return coreError(code, layer, translated(data));
  }
  if (Object(cause).name === "RuntimeError" && dead === undefined) {
    dead = cause;
    bury();
    return trapped();
  }
  return cause;
}

/**
 * Lets go of the dead instance, of its workers and of its memory. Handles that are still held free themselves later, by
 * `dispose` or the garbage collector, outside of `call`: what they then reach does nothing.
 */
function bury(): void {
  running?.end();
  running = undefined;
  const exports = new Proxy({}, { get: () => () => 0 });
  __wbg_finalize_init({ exports } as WebAssembly.Instance);
}

function trapped(): EvenkeelError {
  return new EvenkeelError(
    "CORE_TRAPPED",
    "The core stopped in the middle of a call, which is a bug of evenkeel: please report it. Its memory cannot be " +
      "trusted any more; start a new process, page or worker.",
    {},
    dead,
  );
}

/** Calls into the core. */
export function call<R>(f: () => R): R {
  if (dead !== undefined) throw trapped();
  if (running === undefined) throw notReady();
  try {
    return f();
  } catch (cause) {
    throw translate(cause);
  }
}

const warningTexts: Record<string, string> = {
  BATCH_NORM_TWO_VALUES:
    "Batch norm has two values a channel: it gives ±1 whatever they are, and hardly any gradient. Use a larger batch.",
  NO_BATCH_COUNT:
    "The state has no num_batches_tracked, on which a cumulative average (momentum null) depends; the counter stays.",
};

/** Passes a warning on. */
export function warn(code: string, message: string): void {
  const warning = { code, message };
  if (listener === undefined) waiting.push(warning);
  else listener(warning);
}

/** Passes on what the core has warned of. */
export function passWarnings(): void {
  for (const code of takeWarnings()) warn(code, warningTexts[code] ?? code);
}

/** The warnings since the last call, where `init` was given no `onWarning`. */
export function warnings(): Warning[] {
  call(passWarnings);
  const all = waiting;
  waiting = [];
  return all;
}

/** What the core holds, in bytes. */
export interface Memory {
  /** Held by tensors now. */
  readonly live: number;
  /** Kept for reuse by later tensors. */
  readonly pooled: number;
  /** Size of the wasm's memory; it only grows. */
  readonly wasm: number;
}

/** What the core holds now. */
export function memory(): Memory {
  const [live = 0, pooled = 0] = call(memoryUse);
  return { live, pooled, wasm: buffer().byteLength };
}

/** Gives what is kept for reuse back to the wasm's allocator. */
export function trimMemory(): void {
  call(trim);
}
