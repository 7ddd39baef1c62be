/** The builds of the core that a program can ask for, and what a host has for them. */
import { badArgument, oneOf } from "../check.js";

/** How the core adds products: see `InitOptions.math`. */
export type MathMode = "exact" | "relaxed";

/** What was asked for. */
export interface Wanted {
  readonly math: MathMode;
  readonly threads: number | "auto";
}

/** What runs. */
export interface Backend {
  /** Whether multiplications are fused with additions. */
  readonly math: MathMode;
  /** Why not, if `init` was asked for it. */
  readonly mathReason?: string;
  /** Threads that compute, the caller's among them. */
  readonly threads: number;
  /** Why no more, if `init` was asked for more. */
  readonly threadsReason?: string;
}

/** What follows `evenkeel-` in the name of a wasm file; nothing of the default's. */
export type BuildName = "" | "relaxed" | "threads" | "threads-relaxed";

/** The name of the build for both choices. */
export function buildName(relaxed: boolean, threads: boolean): BuildName {
  if (threads) return relaxed ? "threads-relaxed" : "threads";
  return relaxed ? "relaxed" : "";
}

/** Most threads that may be asked for. */
const mostThreads = 64;

/** The options that choose a build, checked. */
export function wantedOf(options: { readonly math?: unknown; readonly threads?: unknown }): Wanted {
  const { math = "exact", threads = 1 } = options;
  const fits = Number.isInteger(threads) && (threads as number) >= 1 && (threads as number) <= mostThreads;
  if (threads !== "auto" && !fits) {
    throw badArgument("threads", `"auto" or a whole number from 1 to ${mostThreads}`, threads);
  }
  return { math: oneOf(math, "math", ["exact", "relaxed"]), threads: threads as number | "auto" };
}

// (module (func (result v128) .. f32x4.relaxed_madd)): valid only where relaxed SIMD is.
const relaxedProbe = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 0, 253, 15, 65, 0, 253, 15, 65,
  0, 253, 15, 253, 133, 2, 11,
]);

/** Why this host cannot run a relaxed build; nothing if it can. */
export function noRelaxed(): string | undefined {
  return WebAssembly.validate(relaxedProbe) ? undefined : "This host's WebAssembly has no relaxed SIMD.";
}
