// What every host runs, with no import but the package: 50 steps on the digits from one seed, by the recipe of
// crates/evenkeel/tests/same_bits.rs; and what the model makes of the digits that another host has saved.
import { backend, init, manualSeed, nn, optim, Trainer } from "evenkeel";

const steps = 50;
const hashed = ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "3.weight", "3.bias"];

/**
 * Takes and gives what JSON can carry, bytes as base64.
 * @param {{ digits: string, model?: string, options?: object }} request the data set, a model that another host has saved,
 * and what `init` is given
 */
export async function run({ digits, model: saved, options }) {
  await init(options);
  const { x, y } = rowsOf(fromBase64(digits));
  const model = await train(x, y);
  const state = model.state();
  return {
    weights: await sha256(hashed.map((name) => state[name].data)),
    outputs: await outputsOf(model, x),
    file: toBase64(model.save()),
    carried: saved && (await outputsOf(nn.load(fromBase64(saved)), x)),
    backend: backend(),
  };
}

// A record is 64 pixels from 0 to 16, then the label.
function rowsOf(records) {
  const rows = records.length / 65;
  const pixels = new Float32Array(64 * rows);
  const y = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < 64; i++) pixels[64 * row + i] = records[65 * row + i] / 16;
    y[row] = records[65 * row + 64];
  }
  return { x: { data: pixels, shape: [rows, 64] }, y };
}

async function train(x, y) {
  manualSeed(1);
  const model = nn.sequential(nn.dense(64, 128), nn.batchNorm(128), nn.relu(), nn.dense(128, 10));
  const trainer = new Trainer(model, { loss: "crossEntropy", optimizer: optim.adam(), seed: 1 });
  const stop = new AbortController();
  let done = 0;
  const onStep = () => {
    if (++done === steps) stop.abort();
  };
  try {
    for await (const _ of trainer.fit({ x, y, epochs: steps, batchSize: 128, onStep, signal: stop.signal }));
  } catch (error) {
    if (error !== stop.signal.reason) throw error;
  }
  return model;
}

const outputsOf = (model, x) => sha256([model.predict(x).toArray()]);

async function sha256(arrays) {
  const bytes = await new Blob(arrays).arrayBuffer();
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function toBase64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
