// What the benchmark times: each case makes the same task of both contestants. And the same inputs for the check.
import { batches } from "./mnist.mjs";

export const MATMUL_SIZES = [64, 128, 256, 512, 1024];
export const BATCH_NORM_SIZES = [
  [128, 256],
  [1024, 512],
];
export const STEP_ROWS = [32, 128, 1024];
export const PREDICT_ROWS = [1, 32, 128, 1024];

/** Cases not timed, with the reason; printed beneath the table. */
export const NOTES = [
  "There is no training step at batch 1: batch norm cannot train on one row, as a single value has no variance.",
];

/** Cases are `{ name, group, flops?, make(contestant) }`; `make` gives a task. */
export function allCases(data, state) {
  return [...matmulCases(), ...batchNormCases(), ...stepCases(data, state), ...predictCases(data, state)];
}

function matmulCases() {
  return MATMUL_SIZES.map((n) => ({
    name: `matmul ${n}x${n}x${n}`,
    group: "matmul",
    flops: 2 * n ** 3,
    make: (contestant) => contestant.matmulTask(matmulInput(n)),
  }));
}

function batchNormCases() {
  return BATCH_NORM_SIZES.flatMap(([rows, channels]) => [
    {
      name: `batch norm forward [${rows},${channels}]`,
      group: "batchNorm",
      make: (contestant) => contestant.batchNormForwardTask(batchNormInput(rows, channels)),
    },
    {
      name: `batch norm backward [${rows},${channels}]`,
      group: "batchNorm",
      make: (contestant) => contestant.batchNormBackwardTask(batchNormInput(rows, channels)),
    },
  ]);
}

// Steps and predictions go round many batches: a net that sees one batch for ever learns it by heart, and its vanishing
// gradients end as subnormal numbers, which are slow and not what a training does.
function stepCases(data, state) {
  return STEP_ROWS.map((rows) => ({
    name: `training step, batch ${rows}`,
    group: "net",
    make: (contestant) => {
      const net = contestant.mnistNet(rows, state);
      const next = inTurn(batches(data, rows));
      const run = () => {
        const { x, labels } = next();
        return net.step(x, labels);
      };
      return { run, dispose: net.dispose };
    },
  }));
}

function predictCases(data, state) {
  return PREDICT_ROWS.map((rows) => ({
    name: `inference, batch ${rows}`,
    group: "net",
    make: (contestant) => {
      const net = contestant.mnistNet(rows, state);
      const next = inTurn(batches(data, rows));
      return { run: () => net.predict(next().x, rows), dispose: net.dispose };
    },
  }));
}

export function matmulInput(n) {
  const random = generator(n);
  return { a: normal(random, n * n), b: normal(random, n * n), m: n, n, k: n };
}

export function batchNormInput(rows, channels) {
  const random = generator(rows + channels);
  return {
    x: normal(random, rows * channels).map((value) => 3 + 2 * value),
    dy: normal(random, rows * channels),
    weight: normal(random, channels).map((value) => 1 + 0.1 * value),
    bias: normal(random, channels),
    rows,
    channels,
  };
}

function inTurn(list) {
  let i = -1;
  return () => {
    i = (i + 1) % list.length;
    return list[i];
  };
}

/** Nearly normal deviates: sums of three uniform ones, scaled to variance 1. */
function normal(random, count) {
  return Float32Array.from({ length: count }, () => 2 * (random() + random() + random() - 1.5));
}

/** mulberry32 (Tommy Ettinger), uniform in [0, 1): the same inputs in every run. */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}
