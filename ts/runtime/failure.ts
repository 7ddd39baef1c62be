/** Turns an engine's refusal of the wasm into an error that says why and what to do. */
import { EvenkeelError } from "../errors.js";

// (module (func (result v128) i32.const 0 i8x16.splat)): valid only where SIMD is.
const simdProbe = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11,
]);

export function requireWebAssembly(): void {
  if (typeof WebAssembly === "object") return;
  throw new EvenkeelError(
    "WASM_MISSING",
    "This host has no WebAssembly (a browser may switch it off, as iOS does in lockdown mode). evenkeel cannot run here.",
  );
}

/** A host that takes wasm only as a module. */
export function blocked(data: Readonly<Record<string, unknown>>, cause?: unknown): EvenkeelError {
  return new EvenkeelError(
    "WASM_BLOCKED",
    "This host does not compile wasm from bytes. Import it statically and hand over the module: " +
      'import wasm from "evenkeel/evenkeel.wasm"; await init({ module: wasm }).',
    data,
    cause,
  );
}

export function asEvenkeelError(cause: unknown): EvenkeelError {
  if (cause instanceof EvenkeelError) return cause;
  // Not `instanceof Error`: the engine's error may be of another realm.
  const { name, message } = Object(cause) as { name?: unknown; message?: unknown };
  const engine = message === undefined ? String(cause) : String(message);
  const data = { engine };
  if (/disallowed by embedder/i.test(engine)) {
    return blocked(data, cause);
  }
  if (/content security policy|unsafe-eval|blocked by csp/i.test(engine)) {
    return new EvenkeelError(
      "WASM_BLOCKED",
      "The page's Content-Security-Policy forbids WebAssembly. Add 'wasm-unsafe-eval' to its script-src.",
      data,
      cause,
    );
  }
  if (name === "CompileError" && !WebAssembly.validate(simdProbe)) {
    return new EvenkeelError(
      "WASM_NO_SIMD",
      "This host's WebAssembly has no SIMD, which evenkeel needs: Chromium 91, Firefox 89, Safari 16.4, Node 16 or newer have it.",
      data,
      cause,
    );
  }
  if (name === "RangeError") {
    return new EvenkeelError("WASM_NO_MEMORY", `The host gave the wasm no memory: ${engine}`, data, cause);
  }
  return new EvenkeelError("WASM_FAILED", `The wasm could not be started: ${engine}`, data, cause);
}
