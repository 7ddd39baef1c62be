// Do all contestants compute the same numbers? Nothing is timed before they do: a fast wrong answer is worth nothing.
//
// A case with an input is checked by the numbers of its very task; the nets by the losses of 20 steps, then by their
// predictions. What is to be compared are probes, `{ title, kind, what, ... }`; `numbers` computes one, also in a process of
// the contestant's own.
import { batches } from "./mnist.mjs";

/** The largest difference allowed, relative to the largest value of the array (to each loss, for losses). */
export const BOUND = 1e-4;
const STEPS = 20;
const STEP_ROWS = 128;

/**
 * A list of `{ contestant, name, difference, ok }`. A contestant is `{ label, can(probe), numbers(probe) }`; the expected
 * numbers are those of the first that can.
 */
export async function check(contestants, cases) {
  const results = [];
  for (const probe of probesOf(cases)) {
    const [first, ...others] = await thoseWhoCan(contestants, probe);
    if (!first) continue;
    const expected = await first.numbers(probe);
    for (const contestant of others) {
      const actual = await contestant.numbers(probe);
      for (const key of Object.keys(expected)) {
        const value = (probe.what === "losses" ? worstOfEach : difference)(expected[key], actual[key]);
        const name = `${probe.title}: ${key}`;
        results.push({ contestant: contestant.label, name, difference: value, ok: value <= BOUND });
      }
    }
  }
  return results;
}

/** Of contestants as in `check`, those that take part in a case or a probe. */
export async function thoseWhoCan(contestants, one) {
  const able = await Promise.all(contestants.map((contestant) => contestant.can(one)));
  return contestants.filter((_, i) => able[i]);
}

/** Whether a contestant, by its module, takes part in a case or a probe. */
export function can(contestant, { kind, trains }) {
  return kind in contestant && !(trains && contestant.inferenceOnly);
}

/** The numbers of a probe, by name; copies, as an output may be a contestant's own memory. */
export async function numbers(contestant, { what, name, kind, state, rows }, { cases, data, states }) {
  if (what === "task") {
    const { input } = cases.find((one) => one.name === name);
    return outputs(await contestant[kind](input()));
  }
  const net = await contestant[kind](rows, states[state]);
  const list = batches(data, rows);
  const result =
    what === "losses"
      ? { losses: await losses(net, list) }
      : { logits: Float32Array.from(await net.predict(list[0].x, rows)) };
  net.dispose?.();
  return result;
}

/**
 * evenkeel's state after the steps, whose running statistics have moved: `states.trained`, from which predictions are
 * compared. The trainings' own states may differ where it does not matter: a bias before batch norm has no effect on the
 * loss, so its gradient is nothing but rounding, and Adam makes steps of full length of it.
 */
export async function trainedState(evenkeel, data, state) {
  const net = evenkeel.mnistNet(STEP_ROWS, state);
  await losses(net, batches(data, STEP_ROWS));
  const trained = net.state();
  net.dispose();
  return trained;
}

function probesOf(cases) {
  const tasks = cases.filter(({ input }) => input);
  const predictions = cases.filter(({ group, trains }) => group === "net" && !trains);
  const kinds = new Map(cases.filter(({ input }) => !input).map(({ kind, group }) => [kind, group]));
  const steps = `${STEPS} training steps`;
  return [
    ...tasks.map(({ name, kind }) => ({ title: name, what: "task", name, kind })),
    ...Array.from(kinds, ([kind, group]) => {
      const rows = group === "plain" ? 1 : STEP_ROWS;
      return { title: `${group}, ${steps}`, what: "losses", kind, state: group, rows, trains: true };
    }),
    ...predictions.map(({ name, kind, rows }) => ({ title: name, what: "predict", kind, state: "trained", rows })),
  ];
}

async function losses(net, list) {
  const result = [];
  for (let i = 0; i < STEPS; i++) {
    const { x, labels } = list[i % list.length];
    result.push(await net.step(x, labels));
  }
  return result;
}

async function outputs(task) {
  task.prepare?.();
  await task.run();
  const output = Object.entries(await task.output()).map(([key, values]) => [key, Float32Array.from(values)]);
  task.dispose?.();
  return Object.fromEntries(output);
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

/** Each loss counts by itself: they fall, so that the largest would hide the last. */
function worstOfEach(expected, actual) {
  return expected.map((value, i) => Math.abs(actual[i] - value) / Math.abs(value)).reduce(worseOf, 0);
}

// Unlike `a > b ? a : b`, Math.max lets NaN through: a NaN must fail the check.
function worseOf(a, b) {
  return Math.max(a, b);
}
