// The file that the edge examples serve, which examples/edge/train.mjs makes.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const modelFile = fileURLToPath(new URL("../../out/edge/digits.safetensors", import.meta.url));

/** Makes it, in half a second. */
export async function makeModel() {
  await promisify(execFile)(process.execPath, [fileURLToPath(new URL("train.mjs", import.meta.url))]);
}
