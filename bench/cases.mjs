// What `npm run bench` times: each case makes the same task of every contestant. And the makers of cases and of inputs,
// which the comparison with the peers (`peers/cases.mjs`) uses too.
//
// A case is `{ name, group, flops?, kind, input?, rows?, trains?, make(contestant) }`. `kind` is the contestant's function
// that it needs; a contestant without it sits out. With an `input` the numbers of its very task are checked (`check.mjs`).
import { batches } from "./mnist.mjs";

const MATMUL_SIZES = [64, 128, 256, 512, 1024];
const BATCH_NORM_SIZES = [
  [128, 256],
  [1024, 512],
];
const STEP_ROWS = [32, 128, 1024];
const PREDICT_ROWS = [1, 32, 128, 1024];

/** Enough different batches of 1024, see `stepCase`; a small part of MNIST starts faster. */
export const DIGITS = 8192;

/** Cases not timed, with the reason; printed beneath the table. */
export const NOTES = [
  "There is no training step at batch 1: batch norm cannot train on one row, as a single value has no variance.",
];

export function allCases(data, state) {
  return [
    ...MATMUL_SIZES.map((n) => matmulCase(`matmul ${n}x${n}x${n}`, n, n, n)),
    ...BATCH_NORM_SIZES.flatMap(([rows, channels]) => [
      batchNormCase("batch norm forward", "batchNormForwardTask", rows, channels),
      batchNormCase("batch norm backward", "batchNormBackwardTask", rows, channels),
    ]),
    ...STEP_ROWS.map((rows) => stepCase(rows, data, state)),
    ...PREDICT_ROWS.map((rows) => predictCase(rows, data, state)),
  ];
}

/** C[m,n] = A·B; `transposed` is "a" for Aᵀ·B with A[k,m], "b" for A·Bᵀ with B[n,k]. */
export function matmulCase(name, m, k, n, transposed = "") {
  return taskCase(name, "matmul", "matmulTask", () => matmulInput(m, k, n, transposed), 2 * m * k * n);
}

export function batchNormCase(title, kind, rows, channels) {
  return taskCase(`${title} [${rows},${channels}]`, "batchNorm", kind, () => batchNormInput(rows, channels));
}

function taskCase(name, group, kind, input, flops) {
  return { name, group, flops, kind, input, make: (contestant) => contestant[kind](input()) };
}

// Steps and predictions go round many batches: a net that sees one batch for ever learns it by heart, and its vanishing
// gradients end as subnormal numbers, which are slow and not what a training does.
export function stepCase(rows, data, state) {
  const step = (net, { x, labels }) => net.step(x, labels);
  return { ...netCase(`training step, batch ${rows}`, "net", "mnistNet", rows, data, state, step), trains: true };
}

export function predictCase(rows, data, state) {
  const predict = (net, { x }) => net.predict(x, rows);
  return netCase(`inference, batch ${rows}`, "net", "mnistNet", rows, data, state, predict);
}

export function netCase(name, group, kind, rows, data, state, use) {
  return {
    name,
    group,
    kind,
    rows,
    make: async (contestant) => {
      const net = await contestant[kind](rows, state);
      const next = inTurn(batches(data, rows));
      return { run: () => use(net, next()), dispose: net.dispose };
    },
  };
}

function matmulInput(m, k, n, transposed) {
  const random = generator(n);
  return { a: normal(random, m * k), b: normal(random, k * n), m, n, k, transposed };
}

function batchNormInput(rows, channels) {
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
export function normal(random, count) {
  return Float32Array.from({ length: count }, () => 2 * (random() + random() + random() - 1.5));
}

/** mulberry32 (Tommy Ettinger), uniform in [0, 1): the same inputs in every run. */
export function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}
