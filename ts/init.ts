/** What the entries for all hosts share of starting the core: only the wasm's own place differs. */
import { type InitOptions, start, startSync } from "./core.js";
import type { WasmSource } from "./runtime/source.js";
import type { Host } from "./runtime/start.js";

/** Where the wasm comes from, if not from the package, and what else `init` takes. */
export type StartOptions = InitOptions | (WasmSource & InitOptions);

/** Starts from what the options name, else from what the entry brings. */
export function initFrom(options: StartOptions | undefined, host: Host): Promise<void> {
  const given =
    options !== undefined && ("module" in options || "bytes" in options || "url" in options || "response" in options);
  return start(host, given ? (options as WasmSource) : undefined, options ?? {}, options === undefined);
}

/**
 * Starts the core at once from a compiled module or its bytes: for service workers and whoever cannot wait. It cannot
 * wait for threads either.
 */
export function initSync(options: ({ module: WebAssembly.Module } | { bytes: BufferSource }) & InitOptions): void {
  startSync(options, options);
}
