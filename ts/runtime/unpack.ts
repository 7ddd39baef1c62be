import { EvenkeelError } from "../errors.js";

/** Unpacks gzip in base64 with what every host brings. */
export async function unpack(gzipBase64: string): Promise<Uint8Array<ArrayBuffer>> {
  if (typeof DecompressionStream !== "function") {
    throw new EvenkeelError(
      "WASM_NO_DECOMPRESSION",
      "This host has no DecompressionStream to unpack the wasm with. " +
        'Give init the file "evenkeel/evenkeel.wasm" itself: init({ module }), init({ bytes }) or init({ url }).',
    );
  }
  const packed = new Blob([decodeBase64(gzipBase64)]);
  const stream = packed.stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
