// The net, which lives in a worker: the page sends it data and asks for predictions, and stays free for its visitor.

// Vite copies the file and gives its address. Left out, the wasm comes inside the package's JavaScript.
import wasm from "evenkeel/evenkeel.wasm?url";
import { spawn } from "evenkeel/worker";
import { featureNames } from "./features.js";
import { gestures } from "./gestures.js";

const hidden = 16;
export const epochs = 160;

/** What `model.spec` of `nn.sequential(nn.batchNorm(16), nn.dense(16, 16), nn.relu(), nn.dense(16, 4))` says: plain data. */
const spec = {
  type: "sequential",
  children: [
    { type: "batch_norm", features: featureNames.length },
    { type: "linear", in_features: featureNames.length, out_features: hidden },
    { type: "relu" },
    { type: "linear", in_features: hidden, out_features: gestures.length },
  ],
};

const worker = spawn({ wasm: { url: wasm } });
let net;

/** Whether there is a net to ask. */
export const isReady = () => net !== undefined;

async function replace(source, options) {
  const next = await (await worker).load(source, options);
  net?.dispose();
  net = next;
}

/** Trains a new net; `onEpoch` is told of each epoch, some at a time. */
export async function train(rows, labels, { onEpoch, signal }) {
  await replace(spec, { seed: 1 });
  const data = new Float32Array(rows.length * featureNames.length);
  for (const [i, row] of rows.entries()) data.set(row, i * featureNames.length);
  return net.fit({
    x: { data, shape: [rows.length, featureNames.length] },
    y: Int32Array.from(labels),
    loss: "crossEntropy",
    optimizer: { type: "sgd", settings: { lr: 0.002 } },
    epochs,
    batchSize: 16,
    validation: 0.2,
    stratify: true,
    seed: 1,
    onEpoch,
    signal,
    progressInterval: 100,
    transfer: true,
  });
}

/** How sure the net is of each gesture. It answers while it trains, too. */
export async function predict(features) {
  const { data } = await net.predict([features], { activation: "softmax" });
  return data;
}

/** What batch norm has learnt of each feature. */
export async function statistics() {
  const state = await net.state();
  return { mean: state["0.running_mean"].data, variance: state["0.running_var"].data };
}

export const summary = () => net.summary([1, featureNames.length]);
export const save = () => net.save();

/** Takes a net from a file, if it is one for these features and gestures. */
export async function open(bytes) {
  const other = await (await worker).load(bytes);
  try {
    const { shape } = await other.predict([featureNames.map(() => 0)]);
    if (shape[1] !== gestures.length)
      throw new Error(`this net tells ${shape[1]} classes apart, not ${gestures.length}`);
    if (!("0.running_mean" in (await other.state()))) throw new Error("this net does not begin with batch norm");
  } catch (error) {
    other.dispose();
    throw error;
  }
  net?.dispose();
  net = other;
}
