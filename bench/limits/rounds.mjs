// Times a group of cases in turn, round after round, so that what else the machine does hits all alike.
import { quartiles } from "../measure.mjs";

const SAMPLE = 2; // ms
const WARM_UP = 60; // ms

/**
 * A group is `{ name, cases, rows? }`: cases are `{ name, make, per?, limit?, target?, least? }`. `make` gives something
 * with `run(times)`. `limit` names the case it is compared with; `per` are units of work (operations), so that rates and
 * not times are compared. `target` is the ratio that is wanted: at most so many times the limit's time or, if `least`,
 * at least this part of its rate. Results have the case's times in ms, and of the ratio the median of the rounds' and that
 * of the fastest samples. `rows` may make fewer lines of them.
 */
export async function measureRounds({ name, cases, rows }, rounds) {
  const running = [];
  for (const one of cases) running.push(prepare(one, await one.make()));
  for (let round = 0; round < rounds; round++) {
    for (const one of running) one.samples.push(time(one.task, one.times) / one.times);
  }
  const byName = new Map(running.map((one) => [one.name, one]));
  const results = running.map((one) => ({ group: name, ...describe(one, byName.get(one.limit)) }));
  for (const { task } of running) (task.free ?? task.dispose)?.call(task);
  return rows ? rows(results) : results;
}

function prepare(one, task) {
  let times = 1;
  for (const started = performance.now(); performance.now() - started < WARM_UP; ) {
    const took = time(task, times);
    if (took < SAMPLE) times = Math.ceil(times * Math.min(8, Math.max(1.2, SAMPLE / Math.max(took, 0.01))));
  }
  return { ...one, task, times, samples: [] };
}

function time(task, times) {
  const started = performance.now();
  task.run(times);
  return performance.now() - started;
}

function describe({ name, per, target, least, samples }, limit) {
  const { median, fastest } = quartiles(samples);
  const result = { name, median, fastest, per };
  if (!limit) return result;
  const compare = least ? (a, b) => (per / a / limit.per) * b : (a, b) => a / b;
  const ratio = quartiles(samples.map((sample, i) => compare(sample, limit.samples[i]))).median;
  const ratioOfFastest = compare(fastest, Math.min(...limit.samples));
  const judged = target === undefined ? undefined : least ? ratio >= target : ratio <= target;
  return { ...result, limit: limit.name, ratio, ratioOfFastest, target, least, ok: judged };
}
