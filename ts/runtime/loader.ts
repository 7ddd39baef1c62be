/**
 * Starts the wasm from whatever a host can offer. wasm-bindgen's own JavaScript is not used: only numbers cross, so nothing
 * is left for it to do but to load, and it tests `instanceof WebAssembly.Module`, which a module of another realm (a Next
 * edge route, a vm context) fails.
 */
import { type Exports, importedFunction, importsFrom, sharedPages } from "../../build/wasm/evenkeel.js";
import { asEvenkeelError, blocked, requireWebAssembly } from "./failure.js";
import { checkMagic } from "./magic.js";
import type { Packed, WasmSource } from "./source.js";

/** A running wasm: what it exports, and the module to start it again elsewhere (modules can be posted). */
export interface Loaded {
  readonly exports: Exports;
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
  /** The memory that workers can share, if this build has one. */
  readonly shared: WebAssembly.Memory | undefined;
}

/** How a host gets bytes; one that compiles none has no way to. */
export type Reader = (source: Packed) => Promise<BufferSource>;

/** Compiles and starts, asynchronously. Fails with an `EvenkeelError`, and then nothing has changed. */
export async function instantiate(source: WasmSource, read?: Reader): Promise<Loaded> {
  requireWebAssembly();
  try {
    if ("module" in source) {
      return await instantiateModule(source.module);
    }
    const bytes = await bytesOf(source, read);
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

async function bytesOf(source: { bytes: BufferSource } | Packed, read: Reader | undefined): Promise<BufferSource> {
  if ("bytes" in source) {
    checkMagic(view(source.bytes));
    return source.bytes;
  }
  if (read === undefined) throw blocked({});
  return read(source);
}

/** Memory that threads share: as large as the host lets it become. */
function sharedMemory(initial: number): WebAssembly.Memory {
  // 4, 2 and 1 GiB, in pages of 64 KiB: some hosts set the whole range of addresses aside at once.
  for (const maximum of [65536, 32768]) {
    try {
      return new WebAssembly.Memory({ initial, maximum, shared: true });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return new WebAssembly.Memory({ initial, maximum: 16384, shared: true });
}

function view(bytes: BufferSource): Uint8Array {
  return ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
}

function finish(instance: WebAssembly.Instance, module: WebAssembly.Module, { shared }: Imports): Loaded {
  const exports = instance.exports as unknown as Exports & { readonly memory: WebAssembly.Memory };
  exports.__wbindgen_start();
  return { exports, memory: shared ?? exports.memory, module, shared };
}
