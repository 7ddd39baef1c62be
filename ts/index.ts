/** The entry for Node, Deno, Bun, browsers and bundlers: the wasm travels inside. */
import { type InitOptions, start, startSync } from "./core.js";
import { inlineSource } from "./runtime/inline.js";
import type { WasmSource } from "./runtime/source.js";

export * from "./api.js";

/**
 * Starts the core; everything else needs it. Without arguments it takes the wasm that came with the package, and a
 * second call waits for the first. A second call that asks for something else is an error (`ALREADY_INITIALIZED`).
 */
export function init(options?: (WasmSource | object) & InitOptions): Promise<void> {
  const own =
    options !== undefined && ("module" in options || "bytes" in options || "url" in options || "response" in options);
  return start(own ? (options as WasmSource) : inlineSource(), options ?? {}, options === undefined);
}

/** Starts the core at once from a compiled module or its bytes: for service workers and whoever cannot wait. */
export function initSync(options: ({ module: WebAssembly.Module } | { bytes: BufferSource }) & InitOptions): void {
  startSync(options, options);
}
