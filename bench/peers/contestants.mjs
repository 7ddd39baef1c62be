// Who takes part: evenkeel, its peers, plain JavaScript; and variants of evenkeel, which are options of its `init`.
import { readFile } from "node:fs/promises";

/**
 * `packageName` is where the version stands; `peer` says that it is a library to compare with. Modules are loaded by those
 * who need them only, so that each contestant has a process to itself.
 */
export const CONTESTANTS = [
  { id: "evenkeel", load: () => import("../evenkeel.mjs") },
  { id: "jax", peer: true, packageName: "@jax-js/jax", load: () => import("./contestants/jax.mjs") },
  { id: "tfjs-wasm", peer: true, packageName: "@tensorflow/tfjs-backend-wasm", load: () => tfjs("tfjs wasm") },
  { id: "tfjs-cpu", peer: true, packageName: "@tensorflow/tfjs-backend-cpu", load: () => tfjs("tfjs cpu") },
  { id: "onnx", peer: true, packageName: "onnxruntime-web", load: () => import("./contestants/onnx.mjs") },
  { id: "brain", peer: true, packageName: "brain.js", load: () => import("./contestants/brain.mjs") },
  { id: "plain", load: () => import("../baseline/contestant.mjs") },
];

/** Of evenkeel: an instance has one set of options. */
export const VARIANTS = [
  { id: "evenkeel-relaxed", label: "evenkeel, relaxed math", variant: true, options: { math: "relaxed" } },
  { id: "evenkeel-threads", label: "evenkeel, 2 threads", variant: true, options: { threads: 2 } },
];

/** The module of a contestant or a variant, not yet started. */
export function load({ id, options }) {
  return CONTESTANTS.find((one) => one.id === (options ? "evenkeel" : id)).load();
}

export async function versionOf({ packageName }) {
  const folder = packageName ? `node_modules/${packageName}` : "../..";
  return JSON.parse(await readFile(new URL(`${folder}/package.json`, import.meta.url), "utf8")).version;
}

async function tfjs(label) {
  const { contestants } = await import("./contestants/tfjs.mjs");
  return contestants.find((one) => one.label === label);
}
