/**
 * Starts the wasm from whatever a host can offer. wasm-bindgen's own JavaScript is not used: only numbers cross, so nothing
 * is left for it to do but to load, and it tests `instanceof WebAssembly.Module`, which a module of another realm (a Next
 * edge route, a vm context) fails.
 */
import { type Exports, importedFunction, importsFrom, sharedPages } from "../../build/wasm/evenkeel.js";
import { asEvenkeelError, requireWebAssembly } from "./failure.js";
import { bytesOfResponse, bytesOfUrl, checkMagic } from "./fetch.js";
import type { WasmSource } from "./source.js";
import { unpack } from "./unpack.js";
import { sharedMemory } from "./workers.js";

/** A running wasm: what it exports, and the module to start it again elsewhere (modules can be posted). */
export interface Loaded {
  readonly exports: Exports;
  readonly module: WebAssembly.Module;
  /** The memory that workers can share, if this build has one. */
  readonly shared: WebAssembly.Memory | undefined;
}

/** Compiles and starts, asynchronously. Fails with an `EvenkeelError`, and then nothing has changed. */
export async function instantiate(source: WasmSource): Promise<Loaded> {
  requireWebAssembly();
  try {
    if ("module" in source) {
      return await instantiateModule(source.module);
    }
    const bytes = await bytesOf(source);
    const imports = importsOf();
    const { instance, module } = await WebAssembly.instantiate(bytes, imports.all);
    return finish(instance, module, imports);
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
    const imports = importsOf();
    return finish(new WebAssembly.Instance(module, imports.all), module, imports);
  } catch (error) {
    throw asEvenkeelError(error);
  }
}

async function instantiateModule(module: WebAssembly.Module): Promise<Loaded> {
  // A module of this realm gives an instance; one of another realm is not recognised by some hosts' own check and
  // gives what bytes would give.
  const imports = importsOf();
  const result: object = await WebAssembly.instantiate(module, imports.all);
  return finish(("instance" in result ? result.instance : result) as WebAssembly.Instance, module, imports);
}

interface Imports {
  readonly all: WebAssembly.Imports;
  shared: WebAssembly.Memory | undefined;
}

/** What the wasm imports. Only the builds with threads ask for a memory: it is made when they do. */
function importsOf(): Imports {
  const imports: Imports = {
    all: {
      [importsFrom]: {
        [importedFunction]: () => {},
        get memory() {
          imports.shared ??= sharedMemory(sharedPages);
          return imports.shared;
        },
      },
    },
    shared: undefined,
  };
  return imports;
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

function finish(instance: WebAssembly.Instance, module: WebAssembly.Module, { shared }: Imports): Loaded {
  const exports = instance.exports as unknown as Exports;
  exports.__wbindgen_start();
  return { exports, module, shared };
}
