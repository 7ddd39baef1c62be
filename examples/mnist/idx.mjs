// Reads an IDX file, the format in which MNIST is published: two zero bytes, a byte that names the type of the values, a
// byte that says how many axes there are, the extent of each axis as a big-endian 32-bit number, then the values.
import { readFile } from "node:fs/promises";

const UNSIGNED_BYTE = 0x08;

/** Bytes and their shape. Throws if the file is no IDX file of unsigned bytes with this many axes, or has another length. */
export async function readIdx(path, axes) {
  const bytes = await readFile(path);
  const wrong = (what) => new Error(`${path} is not an IDX file as expected: ${what}`);
  const header = 4 + 4 * axes;
  if (bytes.length < header) throw wrong(`it has ${bytes.length} bytes, and its header alone takes ${header}`);
  if (bytes[0] !== 0 || bytes[1] !== 0) throw wrong("it does not begin with two zero bytes");
  if (bytes[2] !== UNSIGNED_BYTE)
    throw wrong(`its values are of type ${bytes[2]}, not ${UNSIGNED_BYTE}, unsigned bytes`);
  if (bytes[3] !== axes) throw wrong(`it has ${bytes[3]} axes, not ${axes}`);
  const shape = Array.from({ length: axes }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis));
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (bytes.length !== header + size) {
    throw wrong(`its shape [${shape.join(", ")}] takes ${size} values, and it has ${bytes.length - header}`);
  }
  return { data: new Uint8Array(bytes.buffer, bytes.byteOffset + header, size), shape };
}
