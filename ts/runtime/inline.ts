/** The wasm that travels inside the JavaScript: gzipped, as base64. Not imported by the entries for edge hosts. */
import { wasmGzipBase64 } from "../../build/wasm/inline.js";
import type { BuildName } from "./builds.js";
import type { WasmSource } from "./source.js";

/** The default where a host may compile from bytes. A function, so that importing the package does nothing. */
export function inlineSource(): WasmSource {
  return { gzipBase64: wasmGzipBase64 };
}

// Files of their own, fetched only here: service workers forbid `import()`, so nothing else may have it.
const builds = {
  relaxed: () => import("../../build/wasm/inline-relaxed.js"),
  threads: () => import("../../build/wasm/inline-threads.js"),
  "threads-relaxed": () => import("../../build/wasm/inline-threads-relaxed.js"),
};

/** The other builds. */
export async function inlineBuild(name: Exclude<BuildName, "">): Promise<WasmSource> {
  const { wasmGzipBase64 } = await builds[name]();
  return { gzipBase64: wasmGzipBase64 };
}
