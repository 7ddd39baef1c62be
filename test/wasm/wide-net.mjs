// A training on matrices that are large enough to be split between threads, through the package as it is built:
// `node wide-net.mjs [entry of the package] [options of init, as JSON]` prints what ran, the losses, a hash of all
// weights and how much memory tensors hold before and after.
import { createHash } from "node:crypto";

const entry = process.argv[2] ?? new URL("../../dist/index.js", import.meta.url).href;
const { backend, init, manualSeed, memory, nn, optim, randint, randn, scope, Trainer } = await import(entry);

await init(process.argv[3] === undefined ? undefined : JSON.parse(process.argv[3]));

function train() {
  manualSeed(1);
  const model = nn.sequential(
    nn.dense(96, 257),
    nn.batchNorm(257),
    nn.gelu(),
    nn.dense(257, 130),
    nn.batchNorm(130),
    nn.relu(),
    nn.dense(130, 10),
  );
  const x = randn([387, 96], { seed: 7 });
  const y = randint(10, [387], { seed: 8 });
  const trainer = new Trainer(model, { loss: "crossEntropy", optimizer: optim.adamw({ lr: 0.01 }), seed: 1 });
  const losses = [];
  for (let step = 0; step < 12; step++) losses.push(trainer.step(x, y).loss);
  const hash = createHash("sha256");
  for (const { data } of Object.values(model.state())) {
    if (data !== undefined) hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  for (const handle of [trainer, model, x, y]) handle.dispose();
  return { losses, hash: hash.digest("hex") };
}

scope(train);
const before = memory().live;
const { losses, hash } = train();
console.log(JSON.stringify({ backend: backend(), losses, hash, live: [before, memory().live] }));
