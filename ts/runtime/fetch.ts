/** Gets the bytes of a wasm file, and says what came instead when it is none. */
import { EvenkeelError } from "../errors.js";
import { builtin } from "./builtin.js";

type Bytes = Uint8Array<ArrayBuffer>;

/** Reads a URL; `file:` ones from the disk, which `fetch` refuses in Node and lets a process end silently in Bun. */
export async function bytesOfUrl(url: string | URL): Promise<Bytes> {
  const address = String(url);
  if (address.startsWith("file:")) return readLocalFile(address);
  let response: Response;
  try {
    response = await fetch(address);
  } catch (cause) {
    throw new EvenkeelError("WASM_NOT_FOUND", `${address} could not be fetched.`, { url: address }, cause);
  }
  return bytesOfResponse(response, address);
}

export async function bytesOfResponse(response: Response, address = response.url): Promise<Bytes> {
  if (!response.ok) {
    throw new EvenkeelError(
      "WASM_NOT_FOUND",
      `The server answered ${response.status} for ${address}. Does it serve evenkeel.wasm there?`,
      { url: address, status: response.status },
    );
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  checkMagic(bytes, address);
  return bytes;
}

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

async function readLocalFile(address: string): Promise<Bytes> {
  const fs = builtin("node:fs");
  if (!fs) {
    throw new EvenkeelError(
      "WASM_NOT_FOUND",
      `This host cannot read ${address}. Read the file yourself and call init({ bytes }).`,
      { url: address },
    );
  }
  let file: Uint8Array;
  try {
    file = await fs.promises.readFile(new URL(address));
  } catch (cause) {
    throw new EvenkeelError("WASM_NOT_FOUND", `${address} cannot be read.`, { url: address }, cause);
  }
  const bytes = new Uint8Array(file);
  checkMagic(bytes, address);
  return bytes;
}
