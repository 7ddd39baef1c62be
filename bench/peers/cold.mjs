// One cold start: `node cold.mjs <contestant> <folder>` loads the library, makes the net from the files in the folder,
// prints the logits of one image and leaves. See `cold-start.mjs`.
import { readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { load } from "./contestants.mjs";

const [, , id, folder] = process.argv;
const contestant = await load({ id });
await (contestant.startToPredict ?? contestant.start)?.();
const x = floats(readFileSync(join(folder, "x.bin")));
writeSync(1, JSON.stringify(Array.from(await predict())));
process.exit();

async function predict() {
  if (contestant.predictor) {
    const net = await contestant.predictor(readFileSync(join(folder, "net.onnx")));
    return net.predict(x, 1);
  }
  if (contestant.mnistNet) {
    const net = await contestant.mnistNet(1, state("net"));
    return net.predict(x, 1);
  }
  return contestant.plainNet(1, state("plain")).run(x);
}

function state(name) {
  const lengths = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
  const values = floats(readFileSync(join(folder, `${name}.bin`)));
  let offset = 0;
  const entries = Object.entries(lengths).map(([key, length]) => {
    offset += length;
    return [key, values.subarray(offset - length, offset)];
  });
  return Object.fromEntries(entries);
}

function floats(bytes) {
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
