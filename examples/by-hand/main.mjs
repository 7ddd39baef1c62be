// A training loop by hand, without a Trainer: forward, loss, backward, step. What batch norm is for: a deep net of
// sigmoids on the 8x8 digits, with and without it. Run `npm run build` once, then `node examples/by-hand/main.mjs`.
import { readFile } from "node:fs/promises";
import { init, manualSeed, memory, nn, Optimizer, optim, rand, Scheduler, schedule, scope, tensor } from "evenkeel";

const PIXELS = 64;
const CLASSES = 10;
const TRAIN = 1437; // the first four fifths; the rest is for testing
const BATCH = 32;
const EPOCHS = 15;

/** 1,797 records of 64 pixels from 0 to 16 and a label. */
async function loadDigits() {
  const bytes = await readFile(new URL("../../test/data/digits_8x8_u8.bin", import.meta.url));
  const records = Array.from({ length: bytes.length / (PIXELS + 1) }, (_, i) =>
    bytes.subarray(i * (PIXELS + 1), (i + 1) * (PIXELS + 1)),
  );
  const part = (some) => ({
    x: tensor(some.map((record) => Array.from(record.subarray(0, PIXELS), (pixel) => pixel / 16))),
    y: Int32Array.from(some, (record) => record[PIXELS]),
  });
  return { train: part(records.slice(0, TRAIN)), test: part(records.slice(TRAIN)) };
}

function makeNet(batchNorm) {
  manualSeed(1);
  const block = (from, to) => [nn.dense(from, to), ...(batchNorm ? [nn.batchNorm(to)] : []), nn.sigmoid()];
  return nn.sequential(...[PIXELS, 64, 64, 64].flatMap((from) => block(from, 64)), nn.dense(64, CLASSES));
}

/** The rows in random order, by evenkeel's seeded generator: each run prints the same numbers. */
function shuffled(rows) {
  const keys = scope(() => rand([rows]).toArray());
  return Int32Array.from(keys.keys()).sort((a, b) => keys[a] - keys[b]);
}

/** A step; `scope` frees every tensor made in it, at once instead of when the garbage collector comes by. */
function step(model, optimizer, x, y, rows) {
  return scope(() => {
    const labels = rows.map((row) => y[row]);
    const loss = nn.crossEntropy(model.forward(x.gather(rows)), labels);
    loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
    return loss.item();
  });
}

function accuracy(model, { x, y }) {
  const taken = scope(() => model.predict(x).argmax().toArray()); // predict is in eval mode by itself
  return taken.filter((digit, row) => digit === y[row]).length / y.length;
}

await init();
const { train, test } = await loadDigits();
const nets = [true, false].map((batchNorm) => {
  const model = makeNet(batchNorm).train();
  const optimizer = new Optimizer(model, optim.sgd({ lr: 0.1, momentum: 0.9 }));
  return { model, optimizer, scheduler: new Scheduler(optimizer, schedule.cosine({ tMax: EPOCHS })) };
});

console.log("        with batch norm      without\nepoch   loss    test         loss    test");
for (let epoch = 1; epoch <= EPOCHS; epoch++) {
  const order = shuffled(TRAIN);
  const cells = nets.map(({ model, optimizer, scheduler }) => {
    let [sum, steps] = [0, 0];
    // Batch norm cannot train on a batch of one: rows that do not fill a batch wait for the next epoch's order.
    for (let from = 0; from + BATCH <= TRAIN; from += BATCH, steps++) {
      sum += step(model, optimizer, train.x, train.y, order.subarray(from, from + BATCH));
    }
    scheduler.step();
    return `${(sum / steps).toFixed(4)}  ${(100 * accuracy(model, test)).toFixed(1).padStart(4)} %`;
  });
  console.log(`${String(epoch).padStart(5)}   ${cells.join("       ")}`);
}
console.log(`Live tensors take ${(memory().live / 1e6).toFixed(1)} MB.`);
