import { EvenkeelError } from "../errors.js";
import { builtin } from "./builtin.js";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Unpacks gzip in base64 with what the host brings. Node's own zlib first, where there is one: the streams of the web
 * work there too, but loading them takes longer than everything else at a start.
 */
export async function unpack(gzipBase64: string): Promise<Bytes> {
  const { Buffer } = globalThis as { Buffer?: { from(text: string, encoding: "base64"): Bytes } };
  const zlib = builtin("node:zlib");
  if (zlib && Buffer) return zlib.gunzipSync(Buffer.from(gzipBase64, "base64"));
  if (typeof DecompressionStream !== "function") {
    throw new EvenkeelError(
      "WASM_NO_DECOMPRESSION",
      "This host has no DecompressionStream to unpack the wasm with. " +
        'Give init the file "evenkeel/evenkeel.wasm" itself: init({ module }), init({ bytes }) or init({ url }).',
    );
  }
  const stream = new Blob([decodeBase64(gzipBase64)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function decodeBase64(text: string): Bytes {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
