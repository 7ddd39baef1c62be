// Times two tasks in turn (A, B, A, B, ...), so that what else the machine does hits both alike, and gives medians with
// quartiles. Also says how far the machine was busy with something else.
import { cpus, loadavg } from "node:os";
import { interquartileRange, quantileSorted } from "simple-statistics";

export const FULL = { rounds: 40, fewest: 9, budget: 6000, warmUp: 400, sample: 5 };
export const QUICK = { rounds: 9, fewest: 3, budget: 1000, warmUp: 100, sample: 2 };

/**
 * Both tasks' statistics in milliseconds a run, and the part of the time in which this process had a processor.
 * `rounds` samples of each or what fits in `budget` ms, but `fewest` at least; a sample lasts `sample` ms or one run.
 */
export function measureInTurn(a, b, { rounds, fewest, budget, warmUp, sample }) {
  const contestants = [a, b].map((task) => ({ task, count: runsPerSample(task, warmUp, sample), samples: [] }));
  const started = performance.now();
  const cpu = process.cpuUsage();
  for (let round = 0; round < rounds; round++) {
    if (round >= fewest && performance.now() - started > budget) break;
    for (const { task, count, samples } of contestants) samples.push(timeRuns(task, count) / count);
  }
  const { user, system } = process.cpuUsage(cpu);
  const processorShare = Math.min(1, (user + system) / 1000 / (performance.now() - started));
  const [first, second] = contestants.map(({ samples, count }) => ({ ...describe(samples), runsPerSample: count }));
  return { first, second, processorShare };
}

export function describe(samples) {
  const sorted = Float64Array.from(samples).sort();
  const at = (q) => quantileSorted(sorted, q);
  return { median: at(0.5), lower: at(0.25), upper: at(0.75), fastest: sorted[0], samples: sorted.length };
}

/** Reasons to distrust the times, as sentences; none on a quiet machine. */
export function whatDisturbs() {
  const reasons = [];
  const [load] = loadavg();
  const cores = cpus().length;
  if (load > cores / 2) reasons.push(`the load average is ${load.toFixed(1)} on ${cores} cores`);
  // The same arithmetic 25 times: on a quiet machine the quartiles lie within 1 or 2 %.
  spin();
  const samples = Array.from({ length: 25 }, () => {
    const started = performance.now();
    spin();
    return performance.now() - started;
  });
  const spread = interquartileRange(samples) / describe(samples).median;
  if (spread > 0.05) reasons.push(`a fixed piece of work varies by ${(100 * spread).toFixed(0)} % (quartiles)`);
  return reasons;
}

// Until the compiler has made what it will make of the task; then as many runs as fill a sample.
function runsPerSample(task, warmUp, sample) {
  let runs = 0;
  let last = 0;
  const started = performance.now();
  while (runs < 3 || performance.now() - started < warmUp) {
    last = timeRuns(task, 1);
    runs++;
  }
  const typical = Math.max(1e-4, Math.min(last, timeRuns(task, 3) / 3));
  return Math.max(1, Math.ceil(sample / typical));
}

function timeRuns({ run, prepare }, count) {
  if (!prepare) {
    const started = performance.now();
    for (let i = 0; i < count; i++) run();
    return performance.now() - started;
  }
  let total = 0;
  for (let i = 0; i < count; i++) {
    prepare();
    const started = performance.now();
    run();
    total += performance.now() - started;
  }
  return total;
}

function spin() {
  let value = 1;
  for (let i = 0; i < 2_000_000; i++) value = (value * 1.0000001 + 0.5) % 1000;
  // Returned, so that the loop is not dead code.
  return value;
}
