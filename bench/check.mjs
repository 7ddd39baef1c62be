// Do both contestants compute the same numbers? Nothing is timed before they do: a fast wrong answer is worth nothing.
import { BATCH_NORM_SIZES, batchNormInput, MATMUL_SIZES, matmulInput, PREDICT_ROWS } from "./cases.mjs";
import { batches } from "./mnist.mjs";

/** The largest difference allowed, relative to the largest value of the array (to each loss, for losses). */
export const BOUND = 1e-4;
const STEPS = 20;

/** A list of `{ name, difference, ok }` for the groups asked for. */
export function check(baseline, evenkeel, groups, data, state) {
  const results = [];
  if (groups.has("matmul")) results.push(...checkMatmul(baseline, evenkeel));
  if (groups.has("batchNorm")) results.push(...checkBatchNorm(baseline, evenkeel));
  if (groups.has("net")) results.push(...checkNet(baseline, evenkeel, data, state));
  return results;
}

function checkMatmul(baseline, evenkeel) {
  return MATMUL_SIZES.flatMap((n) => compareTasks(`matmul ${n}`, "matmulTask", matmulInput(n), baseline, evenkeel));
}

function checkBatchNorm(baseline, evenkeel) {
  return BATCH_NORM_SIZES.flatMap(([rows, channels]) => {
    const input = batchNormInput(rows, channels);
    const size = `[${rows},${channels}]`;
    return [
      ...compareTasks(`batch norm forward ${size}`, "batchNormForwardTask", input, baseline, evenkeel),
      ...compareTasks(`batch norm backward ${size}`, "batchNormBackwardTask", input, baseline, evenkeel),
    ];
  });
}

function compareTasks(name, kind, input, baseline, evenkeel) {
  const [expected, actual] = [baseline, evenkeel].map((contestant) => {
    const task = contestant[kind](input);
    task.prepare?.();
    task.run();
    // Copies: an output may be a contestant's own memory.
    const output = Object.entries(task.output()).map(([key, values]) => [key, Float32Array.from(values)]);
    task.dispose?.();
    return Object.fromEntries(output);
  });
  return Object.keys(expected).map((key) => judge(`${name}: ${key}`, difference(expected[key], actual[key])));
}

function checkNet(baseline, evenkeel, data, state) {
  const rows = 128;
  const list = batches(data, rows);
  const ours = evenkeel.mnistNet(rows, state);
  const theirs = baseline.mnistNet(rows, state);
  let worst = 0;
  for (let i = 0; i < STEPS; i++) {
    const { x, labels } = list[i % list.length];
    const expected = theirs.step(x, labels);
    worst = worseOf(worst, Math.abs(ours.step(x, labels) - expected) / Math.abs(expected));
  }
  const results = [judge(`losses of ${STEPS} training steps`, worst)];
  // Predictions are compared from one state, evenkeel's after the steps, whose running statistics have moved. The two
  // trainings' own states may differ where it does not matter: a bias before batch norm has no effect on the loss,
  // so its gradient is nothing but rounding, and Adam makes steps of full length of it.
  const trained = ours.state();
  for (const count of PREDICT_ROWS) {
    const [{ x }] = batches(data, count);
    const expected = baseline.mnistNet(count, trained).predict(x, count);
    results.push(judge(`inference, batch ${count}`, difference(expected, ours.predict(x, count))));
  }
  ours.dispose?.();
  return results;
}

function judge(name, value) {
  return { name, difference: value, ok: value <= BOUND };
}

/** The largest difference relative to the largest expected value; infinite for wrong lengths, NaN stays NaN. */
function difference(expected, actual) {
  if (actual?.length !== expected.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  let largest = Number.MIN_VALUE;
  for (let i = 0; i < expected.length; i++) {
    worst = worseOf(worst, Math.abs(actual[i] - expected[i]));
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return worst / largest;
}

// Unlike `a > b ? a : b`, Math.max lets NaN through: a NaN must fail the check.
function worseOf(a, b) {
  return Math.max(a, b);
}
