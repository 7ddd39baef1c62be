/**
 * Starts the wasm from whatever a host can offer.
 *
 * wasm-bindgen's own loader is not used: it tests `instanceof WebAssembly.Module`, which a module of another realm
 * (a Next edge route, a vm context) fails. Only one instance lives at a time, the one that the glue's classes work on.
 */
import { __wbg_finalize_init, __wbg_get_imports, type InitOutput } from "../../build/wasm/evenkeel.js";
import { asEvenkeelError, requireWebAssembly } from "./failure.js";
import { bytesOfResponse, bytesOfUrl, checkMagic } from "./fetch.js";
import type { WasmSource } from "./source.js";
import { unpack } from "./unpack.js";

/** A running wasm: what it exports, and the module to start it again elsewhere (modules can be posted). */
export interface Loaded {
  readonly exports: InitOutput;
  readonly module: WebAssembly.Module;
}

/** Compiles and starts, asynchronously. Fails with an `EvenkeelError`, and then nothing has changed. */
export async function instantiate(source: WasmSource): Promise<Loaded> {
  requireWebAssembly();
  try {
    if ("module" in source) {
      const instance = await instantiateModule(source.module);
      return finish(instance, source.module);
    }
    const bytes = await bytesOf(source);
    const { instance, module } = await WebAssembly.instantiate(bytes, __wbg_get_imports());
    return finish(instance, module);
  } catch (error) {
    throw asEvenkeelError(error);
  }
}

/**
 * Compiles and starts at once: for service workers and whoever cannot wait. Chromium refuses to compile more than 8 MB
 * on a page's thread, which evenkeel is far below.
 */
export function instantiateSync(source: { module: WebAssembly.Module } | { bytes: BufferSource }): Loaded {
  requireWebAssembly();
  try {
    let module: WebAssembly.Module;
    if ("module" in source) {
      module = source.module;
    } else {
      checkMagic(view(source.bytes));
      module = new WebAssembly.Module(source.bytes);
    }
    return finish(new WebAssembly.Instance(module, __wbg_get_imports()), module);
  } catch (error) {
    throw asEvenkeelError(error);
  }
}

async function instantiateModule(module: WebAssembly.Module): Promise<WebAssembly.Instance> {
  // A module of this realm gives an instance; one of another realm is not recognised by some hosts' own check and
  // gives what bytes would give.
  const result: object = await WebAssembly.instantiate(module, __wbg_get_imports());
  return ("instance" in result ? result.instance : result) as WebAssembly.Instance;
}

function bytesOf(source: Exclude<WasmSource, { module: WebAssembly.Module }>): Promise<BufferSource> {
  if ("bytes" in source) {
    checkMagic(view(source.bytes));
    return Promise.resolve(source.bytes);
  }
  if ("url" in source) return bytesOfUrl(source.url);
  if ("response" in source) return Promise.resolve(source.response).then((response) => bytesOfResponse(response));
  return unpack(source.gzipBase64);
}

function view(bytes: BufferSource): Uint8Array {
  return ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
}

function finish(instance: WebAssembly.Instance, module: WebAssembly.Module): Loaded {
  return { exports: __wbg_finalize_init(instance), module };
}
