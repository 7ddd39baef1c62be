/** Says what came instead where bytes are no wasm, before an engine does in its own words ("found 3c 21 44 4f"). */
import { EvenkeelError } from "../errors.js";

/** What came, for an error's data. */
export function startOf(bytes: Uint8Array, url?: string): { url: string | undefined; start: string; bytes: number } {
  const start = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return { url, start, bytes: bytes.length };
}

/** Refuses what is not wasm: a file's bytes, or those that were given. */
export function checkMagic(bytes: Uint8Array, address?: string): void {
  const data = startOf(bytes, address);
  if (data.start === "00 61 73 6d") return;
  const what = address ? `The file at ${address} is` : "The given bytes are";
  throw new EvenkeelError(
    "WASM_NOT_WASM",
    bytes.length === 0
      ? `${what} empty. It should be evenkeel.wasm.`
      : `${what} not wasm: it starts with ${data.start}, not with 00 61 73 6d.`,
    data,
  );
}
