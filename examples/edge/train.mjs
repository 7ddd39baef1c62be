// Trains the network that the edge examples serve, and writes it to out/edge: digits.safetensors (21 kB), and digits.mjs with
// the same bytes for bundlers that take only modules. They are the same each time, on every host. Run `npm run build`
// once, then `node examples/edge/train.mjs`.
import { Buffer } from "node:buffer";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { init, manualSeed, optim, schedule, Trainer } from "evenkeel";
import { loadDigits } from "./digits.mjs";
import { digitsNet } from "./net.mjs";

const EPOCHS = 20;
const folder = process.argv[2] ?? fileURLToPath(new URL("../../out/edge", import.meta.url));

await init();
manualSeed(1);
const { train, test } = await loadDigits();
const { model } = digitsNet();
const trainer = new Trainer(model, {
  loss: { type: "crossEntropy", labelSmoothing: 0.05 },
  optimizer: optim.adamw({ lr: 0.01, weightDecay: 0.01 }),
  schedule: schedule.cosine({ tMax: EPOCHS }),
  seed: 1,
});
for await (const _ of trainer.fit({ ...train, epochs: EPOCHS, batchSize: 32 }));
const { accuracy } = await trainer.evaluate(test);
const bytes = model.save();
await mkdir(folder, { recursive: true });
await writeFile(join(folder, "digits.safetensors"), bytes);
const text = Buffer.from(bytes).toString("base64");
await writeFile(
  join(folder, "digits.mjs"),
  `export default Uint8Array.from(atob("${text}"), (character) => character.charCodeAt(0));\n`,
);
console.log(
  `${(100 * accuracy).toFixed(1)} % of ${test.y.length} test digits are right; ${bytes.length} bytes in ${folder}`,
);
