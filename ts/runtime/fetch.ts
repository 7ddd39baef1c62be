/** Gets the bytes of a wasm file from wherever it is. Not imported by the entries for edge hosts, which compile no bytes. */
import { EvenkeelError } from "../errors.js";
import { builtin } from "./builtin.js";
import { checkMagic, startOf } from "./magic.js";
import type { Packed } from "./source.js";
import { unpack } from "./unpack.js";

type Bytes = Uint8Array<ArrayBuffer>;

/** The bytes of a source that has them elsewhere. */
export function bytesOf(source: Packed): Promise<Bytes> {
  if ("url" in source) return bytesOfUrl(source.url);
  if ("response" in source) return Promise.resolve(source.response).then((response) => bytesOfResponse(response));
  return unpack(source.gzipBase64);
}

/** Reads a URL; `file:` ones from the disk, which `fetch` refuses in Node and lets a process end silently in Bun. */
async function bytesOfUrl(url: string | URL): Promise<Bytes> {
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

async function bytesOfResponse(response: Response, address = response.url): Promise<Bytes> {
  if (!response.ok) {
    throw new EvenkeelError(
      "WASM_NOT_FOUND",
      `The server answered ${response.status} for ${address}. Does it serve evenkeel.wasm there?`,
      { url: address, status: response.status },
    );
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  checkFile(bytes, address);
  return bytes;
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
  checkFile(bytes, address);
  return bytes;
}

function checkFile(bytes: Bytes, address: string): void {
  if (address && looksLikeHtml(bytes)) {
    throw new EvenkeelError(
      "WASM_NOT_WASM",
      `The server sent HTML for ${address}: most likely its page for addresses that it does not know. ` +
        "Copy evenkeel.wasm from the package to where the server finds it.",
      startOf(bytes, address),
    );
  }
  checkMagic(bytes, address);
}

function looksLikeHtml(bytes: Uint8Array): boolean {
  const start = String.fromCharCode(...bytes.subarray(0, 64)).replace(/^\xef\xbb\xbf/, "");
  return start.trimStart().startsWith("<");
}
