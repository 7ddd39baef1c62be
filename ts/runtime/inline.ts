/** The wasm that travels inside the JavaScript: gzipped, as base64. Not imported by the entries for edge hosts. */
import { wasmGzipBase64 } from "../../build/wasm/inline.js";
import type { WasmSource } from "./source.js";

/** The default where a host may compile from bytes. A function, so that importing the package does nothing. */
export function inlineSource(): WasmSource {
  return { gzipBase64: wasmGzipBase64 };
}
