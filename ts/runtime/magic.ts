/** Says what came instead where bytes are no wasm. */
import { EvenkeelError } from "../errors.js";

/** Refuses what is not wasm before an engine does in its own words ("found 3c 21 44 4f"). */
export function checkMagic(bytes: Uint8Array, address?: string): void {
  if (bytes[0] === 0x00 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d) return;
  const start = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const data = { url: address, start, bytes: bytes.length };
  if (bytes.length === 0) {
    const what = address ? `The file at ${address} is empty.` : "The given bytes are empty.";
    throw new EvenkeelError("WASM_NOT_WASM", `${what} It should be evenkeel.wasm.`, data);
  }
  if (address && looksLikeHtml(bytes)) {
    throw new EvenkeelError(
      "WASM_NOT_WASM",
      `The server sent HTML for ${address}: most likely its page for addresses that it does not know. ` +
        "Copy evenkeel.wasm from the package to where the server finds it.",
      data,
    );
  }
  const what = address ? `The file at ${address} is` : "The given bytes are";
  throw new EvenkeelError("WASM_NOT_WASM", `${what} not wasm: it starts with ${start}, not with 00 61 73 6d.`, data);
}

function looksLikeHtml(bytes: Uint8Array): boolean {
  const start = String.fromCharCode(...bytes.subarray(0, 64)).replace(/^\xef\xbb\xbf/, "");
  return start.trimStart().startsWith("<");
}
