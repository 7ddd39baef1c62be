// The recipe of crates/evenkeel/tests/same_bits.rs through the TypeScript API, on whichever host runs this: prints the
// hash of the weights after 50 steps. `node same-bits.mjs [entry of the package] [options of init, as JSON]`.
const entry = process.argv[2] ?? new URL("../../dist/index.js", import.meta.url).href;
const options = process.argv[3] === undefined ? undefined : JSON.parse(process.argv[3]);
const { init, manualSeed, nn, optim, randint, randn, Trainer } = await import(entry);

const hashed = ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "4.weight", "4.bias"];

function fnv1a(bytes) {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, "0");
}

function littleEndian(values) {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (const [i, value] of values.entries()) view.setFloat32(4 * i, value, true);
  return new Uint8Array(view.buffer);
}

async function train() {
  manualSeed(1);
  const model = nn.sequential(nn.dense(8, 16), nn.batchNorm(16), nn.relu(), nn.dropout(0.1), nn.dense(16, 3));
  const x = randn([256, 8], { seed: 7 });
  const y = randint(3, [256], { seed: 8 });
  const trainer = new Trainer(model, { loss: "crossEntropy", optimizer: optim.adam(), seed: 1 });
  const stop = new AbortController();
  let steps = 0;
  const onStep = () => {
    if (++steps === 50) stop.abort();
  };
  try {
    for await (const _ of trainer.fit({ x, y, epochs: 50, batchSize: 32, onStep, signal: stop.signal }));
  } catch (error) {
    if (error !== stop.signal.reason) throw error;
  }
  const state = model.state();
  return fnv1a(hashed.flatMap((name) => [...littleEndian(state[name].data)]));
}

await init(options);
const check = fnv1a(new TextEncoder().encode("foobar"));
if (check !== "85944171f73967e8") throw new Error(`the hash itself is wrong: ${check}`);
const [first, second] = [await train(), await train()];
if (first !== second) throw new Error(`two runs in one process differ: ${first} and ${second}`);
console.log(JSON.stringify({ host: `Node ${process.versions.node}`, hash: first }));
