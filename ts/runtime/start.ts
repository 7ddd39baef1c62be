/**
 * From what was asked for to what runs: picks the build, and where the host or the wasm has no relaxed arithmetic or no
 * threads, goes on without and says why.
 */
import { EvenkeelError } from "../errors.js";
import { type Backend, type BuildName, buildName, noRelaxed, type Wanted } from "./builds.js";
import { requireWebAssembly } from "./failure.js";
import { instantiate, instantiateSync, type Loaded, type Reader } from "./loader.js";
import type { WasmSource } from "./source.js";

/** What an entry brings for its hosts. */
export interface Host {
  /** The default wasm. */
  readonly plain: () => WasmSource;
  /** The other builds, if it has them. */
  readonly other?: (name: Exclude<BuildName, "">) => Promise<WasmSource>;
  /** How bytes are got, where they can be compiled. */
  readonly read?: Reader;
  /** Workers, where they can be. */
  readonly workers?: Workers;
}

/** What `workers.ts` has. */
export interface Workers {
  readonly processors: () => number;
  readonly noThreads: () => string | undefined;
  readonly startWorkers: (size: number, module: WebAssembly.Module, memory: WebAssembly.Memory) => Promise<() => void>;
}

/** A core that runs. */
export interface Running {
  readonly loaded: Loaded;
  readonly backend: Backend;
  /** Ends its workers. */
  readonly end: () => void;
}

/** Why something that was asked for is not there. */
interface Reasons {
  math?: string | undefined;
  threads?: string | undefined;
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const noWorkers = "This host has no workers.";

/** Starts from what was given, or from what the host brings. Fails with an `EvenkeelError`, and then nothing is left. */
export async function run(host: Host, wanted: Wanted, source?: WasmSource): Promise<Running> {
  requireWebAssembly();
  const reasons: Reasons = {};
  const { workers } = host;
  const threads = wanted.threads === "auto" ? (workers?.processors() ?? 1) : wanted.threads;
  if (wanted.threads !== 1) {
    reasons.threads =
      workers === undefined
        ? noWorkers
        : (workers.noThreads() ?? (threads === 1 ? "This host has one processor." : undefined));
  }
  if (wanted.math === "relaxed") reasons.math = noRelaxed();
  const relaxed = wanted.math === "relaxed" && reasons.math === undefined;
  const several = threads > 1 && reasons.threads === undefined;
  const loaded =
    source === undefined
      ? await fromOwn(host, relaxed, several, reasons)
      : tested(await instantiate(source, host.read));
  return withWorkers(settled(loaded, wanted.math, threads, reasons), several ? threads : 1, reasons, workers);
}

/** The same at once, with one thread. */
export function runSync(source: { module: WebAssembly.Module } | { bytes: BufferSource }, wanted: Wanted): Running {
  requireWebAssembly();
  const reasons: Reasons = { math: wanted.math === "relaxed" ? noRelaxed() : undefined };
  if (wanted.threads !== 1) reasons.threads = "initSync() cannot wait until workers are up.";
  return settled(tested(instantiateSync(source)), wanted.math, 1, reasons);
}

/** The build that was asked for, or the default if it does not start. */
async function fromOwn(own: Host, relaxed: boolean, threads: boolean, reasons: Reasons): Promise<Loaded> {
  const name = buildName(relaxed, threads);
  if (name !== "") {
    try {
      if (own.other === undefined) {
        throw new Error(`This host takes wasm only from a static import: give init evenkeel-${name}.wasm as module.`);
      }
      return tested(await instantiate(await own.other(name), own.read));
    } catch (error) {
      const reason = textOf(error);
      if (relaxed) reasons.math = reason;
      if (threads) reasons.threads = reason;
    }
  }
  return tested(await instantiate(own.plain(), own.read));
}

function tested(loaded: Loaded): Loaded {
  if (loaded.exports.selfTest()) return loaded;
  throw new EvenkeelError(
    "SELF_TEST_FAILED",
    "This host's WebAssembly SIMD computes wrong numbers: a small product and exponentials do not give their known bits.",
  );
}

const given = (name: string): string => `The wasm that init was given is another build: ${name} has it.`;

/** What runs now, with the caller's thread alone. */
function settled(loaded: Loaded, math: Wanted["math"], threads: number, reasons: Reasons): Running {
  const relaxed = loaded.exports.isRelaxed() !== 0;
  if (math === "relaxed" && !relaxed) reasons.math ??= given("evenkeel-relaxed.wasm");
  if (threads > 1 && loaded.shared === undefined) reasons.threads ??= given("evenkeel-threads.wasm");
  return { loaded, backend: backendOf(relaxed, 1, reasons), end: () => {} };
}

function backendOf(relaxed: boolean, threads: number, { math, threads: why }: Reasons): Backend {
  return {
    math: relaxed ? "relaxed" : "exact",
    ...(math === undefined || relaxed ? {} : { mathReason: math }),
    threads,
    ...(why === undefined || threads > 1 ? {} : { threadsReason: why }),
  };
}

async function withWorkers(
  running: Running,
  threads: number,
  reasons: Reasons,
  workers: Workers | undefined,
): Promise<Running> {
  const { loaded, backend } = running;
  if (threads === 1 || loaded.shared === undefined) return running;
  const relaxed = backend.math === "relaxed";
  if (workers === undefined) {
    reasons.threads = noWorkers;
    return { ...running, backend: backendOf(relaxed, 1, reasons) };
  }
  try {
    const end = await workers.startWorkers(threads - 1, loaded.module, loaded.shared);
    return { loaded, backend: backendOf(relaxed, threads, reasons), end };
  } catch (error) {
    reasons.threads = `The workers could not be started: ${textOf(error)}`;
    return { ...running, backend: backendOf(relaxed, 1, reasons) };
  }
}
