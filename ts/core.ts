/**
 * The life of the core: its start, whether there is one, its end; what it warns of and what it holds.
 *
 * One instance serves the whole program. If it ever traps (a bug of ours), its memory can no longer be trusted: it is
 * marked dead and every later call says so.
 */
import { buffer, connect, core, disconnect, number, told } from "./crossing.js";
import { EvenkeelError } from "./errors.js";
import { type Backend, type MathMode, wantedOf } from "./runtime/builds.js";
import type { WasmSource } from "./runtime/source.js";
import { type Host, type Running, run, runSync } from "./runtime/start.js";

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
  connect(result.loaded, translate);
  listener = options.onWarning;
}

function alreadyStarted(): EvenkeelError {
  return new EvenkeelError(
    "ALREADY_INITIALIZED",
    "evenkeel runs already, with the wasm of the first init(). Call init() without arguments to wait for it.",
  );
}

/**
 * Starts the core from `source` or from what the host brings, or waits for the start under way when the call asked for
 * nothing special.
 */
export async function start(
  host: Host,
  source: WasmSource | undefined,
  options: InitOptions,
  plain: boolean,
): Promise<void> {
  if (dead !== undefined) throw trapped();
  if (running !== undefined || starting !== undefined) {
    if (!plain) throw alreadyStarted();
    return starting;
  }
  const wanted = wantedOf(options);
  starting = run(host, wanted, source).then((result) => started(result, options));
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
  // Where there is no core, this call says why.
  core.memoryUse();
  return (running as Running).backend;
}

/** What a call into the core threw: nothing but its trap is of the core. Its workers and memory are let go of. */
function translate(cause: unknown): unknown {
  if (Object(cause).name !== "RuntimeError") return cause;
  dead = cause;
  running?.end();
  running = undefined;
  disconnect(trapped);
  return trapped();
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
  if (core.takeWarnings() === 0) return;
  for (const code of told<string[]>()) warn(code, warningTexts[code] ?? code);
}

/** The warnings since the last call, where `init` was given no `onWarning`. */
export function warnings(): Warning[] {
  passWarnings();
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
  core.memoryUse();
  return { live: number(0), pooled: number(1), wasm: buffer().byteLength };
}

/** Gives what is kept for reuse back to the wasm's allocator. */
export function trimMemory(): void {
  core.trim();
}
