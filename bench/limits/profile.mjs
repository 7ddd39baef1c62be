// Where the time of a training step of 784-256-BN-ReLU-128-BN-ReLU-10 with Adam goes: each kernel by itself at the sizes
// of the step, and the step as a whole through the package; what is left is the tape, allocation and the call.
import { groups, PARAMETERS } from "./cases.mjs";
import { measureRounds } from "./rounds.mjs";

const LAYERS = [
  [784, 256],
  [256, 128],
  [128, 10],
];

export async function profile(k, rounds) {
  const all = [];
  for (const rows of [128, 32]) all.push(...(await one(k, rows, rounds)));
  return all;
}

async function one(k, rows, rounds) {
  const parts = {
    "matrix products, forward": LAYERS.map(([from, to]) => [2 * rows * from * to, k.gemm(rows, to, from, false, true)]),
    "matrix products, backward": [
      ...LAYERS.map(([from, to]) => [2 * rows * from * to, k.gemm(to, from, rows, true, false)]),
      ...LAYERS.slice(1).map(([from, to]) => [2 * rows * from * to, k.gemm(rows, from, to, false, false)]),
    ],
    "gradients of biases": LAYERS.map(([, to]) => [0, k.columnSums(rows, to)]),
    "batch norm and ReLU, forward": [256, 128].map((c) => [0, k.normForward(rows, c, 1, true)]),
    "batch norm and ReLU, backward": [256, 128].map((c) => [0, k.normBackward(rows, c, 1, true)]),
    "loss and its gradient": [[0, k.crossEntropy(rows, 10)]],
    "update (Adam)": [[0, k.optimizer("adam", PARAMETERS)]],
  };
  const step = groups(k)
    .find(({ name }) => name === "through the package")
    .cases.find(({ name }) => name === `training step, batch ${rows}`);
  const cases = Object.entries(parts).map(([name, list]) => ({
    name,
    make: () => ({
      run: (times) => {
        for (const [, task] of list) task.run(times);
      },
      free: () => {
        for (const [, task] of list) task.free();
      },
    }),
    per: list.reduce((sum, [flops]) => sum + flops, 0) || undefined,
    limit: step.name,
  }));
  const measured = await measureRounds({ name: `batch ${rows}`, cases: [step, ...cases] }, rounds);
  const [whole, ...rest] = measured;
  const median = whole.median - rest.reduce((sum, part) => sum + part.median, 0);
  const left = { group: whole.group, name: "tape, copies in, the call", median, limit: step.name };
  left.ratio = left.ratioOfFastest = median / whole.median;
  return [whole, ...[...rest, left].map((part) => ({ ...part, share: `${(100 * part.ratio).toFixed(0)} %` }))];
}
