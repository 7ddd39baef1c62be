/**
 * Where the wasm comes from. Which key is present decides, never `instanceof`: a module that a host compiled may be
 * of another realm, and is then an instance of nothing that this code can name.
 */
export type WasmSource =
  /** Compiled already: from a static import, or posted by another thread. */
  | { readonly module: WebAssembly.Module }
  /** The bytes of evenkeel.wasm. */
  | { readonly bytes: BufferSource }
  | Packed;

/** What the bytes have to be got out of first. */
export type Packed =
  /** Where evenkeel.wasm is: `http:`, `data:`, `blob:`, and in Node, Deno and Bun also `file:`. */
  | { readonly url: string | URL }
  /** A response that holds it, or will. */
  | { readonly response: Response | PromiseLike<Response> }
  /** Gzipped, as base64: how the package carries it. */
  | { readonly gzipBase64: string };
