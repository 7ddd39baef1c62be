/** The entry for Node, Deno, Bun, browsers and bundlers: the wasm travels inside. */
import { initFrom, type StartOptions } from "./init.js";
import { bytesOf } from "./runtime/fetch.js";
import { inlineBuild, inlineSource } from "./runtime/inline.js";
import { workers } from "./runtime/workers.js";

export * from "./api.js";
export { initSync, type StartOptions } from "./init.js";

/**
 * Starts the core; everything else needs it. Without arguments it takes the wasm that came with the package, and a
 * second call waits for the first. A second call that asks for something else is an error (`ALREADY_INITIALIZED`).
 */
export function init(options?: StartOptions): Promise<void> {
  return initFrom(options, { plain: inlineSource, other: inlineBuild, read: bytesOf, workers });
}
