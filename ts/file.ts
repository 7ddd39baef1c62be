/**
 * Files: safetensors, whose header is JSON. The core reads and writes values and headers, JavaScript the JSON.
 *
 * The file's own metadata has a single key, `evenkeel`, whose value is JSON text of what the core says of the file.
 */
import { bytesOf } from "./check.js";
import { begin, bytes as bytesRow, coreError } from "./crossing.js";
import { decode, encode } from "./wire.js";

interface Header {
  readonly metadata: unknown;
  readonly tensors: Record<string, unknown>;
}

/** What a JSON text parses to that holds something under names. */
type Named = Record<string, unknown> & { readonly __metadata__?: { readonly evenkeel?: unknown } };

/** A file from what the core gives: the header's length, the header, the values. */
export function joinFile(parts: Uint8Array): Uint8Array {
  const view = new DataView(parts.buffer, parts.byteOffset, 4);
  const dataAt = 4 + view.getUint32(0, true);
  const { metadata, tensors } = decode(parts.subarray(4, dataAt)) as Header;
  const json = JSON.stringify({ __metadata__: { evenkeel: JSON.stringify(metadata) }, ...tensors });
  const header = new TextEncoder().encode(json);
  // The values begin at a multiple of 8.
  const length = Math.ceil(header.length / 8) * 8;
  const file = new Uint8Array(8 + length + parts.length - dataAt).fill(0x20, 8);
  new DataView(file.buffer).setUint32(0, length, true);
  new DataView(file.buffer).setUint32(4, 0, true);
  file.set(header, 8);
  file.set(parts.subarray(dataAt), 8 + length);
  return file;
}

/** A file's header and values, as the core takes them. */
export function splitFile(file: Uint8Array): [header: Uint8Array, values: Uint8Array] {
  const bytes = bytesOf(file);
  const badFile = (reason: string) => coreError("BAD_FILE", "", { reason, bytes: bytes.length });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length < 8 ? Number.NaN : view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  const named = length <= bytes.length - 8 ? parse(bytes.slice(8, 8 + length)) : undefined;
  if (named === undefined) throw badFile("not a safetensors file, or cut short");
  const { __metadata__, ...tensors } = named;
  const text = __metadata__?.evenkeel;
  const metadata = typeof text === "string" ? parse(text) : null;
  if (metadata === undefined) throw badFile("the metadata is not JSON");
  return [encode({ metadata, tensors }), bytes.subarray(8 + length)];
}

/** A file's header and values as the rows of a call. */
export function fileRows(file: Uint8Array): [header: number, values: number] {
  const [header, values] = splitFile(file);
  begin(header.length + values.length + 14);
  return [bytesRow(header), bytesRow(values)];
}

/** The object in a JSON text; nothing if there is none. */
function parse(json: Uint8Array | string): Named | undefined {
  try {
    const text = typeof json === "string" ? json : new TextDecoder("utf-8", { fatal: true }).decode(json);
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Named) : undefined;
  } catch {
    return undefined;
  }
}
