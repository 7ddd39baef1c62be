// Times tasks in turn (A, B, C, A, B, C, ...), so that what else the machine does hits all alike, and gives medians with
// quartiles. Also says how far the machine was busy with something else.
import { cpus, loadavg } from "node:os";
import { interquartileRange, quantileSorted } from "simple-statistics";

/** Of one contestant: see `measureInTurn` and `timerOf`. */
export const FULL = { rounds: 40, fewest: 9, budget: 3000, warmUp: 400, sample: 5 };
export const QUICK = { rounds: 9, fewest: 3, budget: 500, warmUp: 150, sample: 2 };

/** A sample that had less of a processor is of waiting, not of work: it is taken again, as long as the budget lasts. */
export const ENOUGH_PROCESSOR = 0.9;
const TRIES = 5;
/** Of samples that all were disturbed. */
const FEWEST_KEPT = 5;
const WINDOWS = 6;

/**
 * Each timer's samples, in the order of the timers, for `describe`. A timer is `{ warm, time }` as `timerOf` makes it of a
 * task, which may be in another process. `rounds` samples of each; of a slow task, which would take longer than `budget`
 * ms, fewer, spread over the rounds, but `fewest` at least. A sample lasts `sample` ms or one run.
 */
export async function measureInTurn(timers, { rounds, fewest, budget, warmUp, sample }) {
  const contestants = [];
  for (const timer of timers) {
    const typical = await timer.warm(warmUp, sample);
    const count = Math.max(1, Math.ceil(sample / typical));
    const affordable = Math.max(fewest, Math.floor(budget / (count * typical)));
    contestants.push({ timer, count, every: Math.max(1, Math.floor(rounds / affordable)), spare: budget, samples: [] });
  }
  for (let round = 0; round < rounds; round++) {
    // Another one goes first each time, since each finds the caches as the one before left them.
    for (let i = 0; i < contestants.length; i++) {
      const contestant = contestants[(round + i) % contestants.length];
      if (round % contestant.every > 0) continue;
      const { time, wall, cpu } = await undisturbed(contestant);
      contestant.samples.push({ time: time / contestant.count, share: Math.min(1, cpu / wall) });
    }
  }
  return contestants.map(({ samples }) => samples);
}

/** A sample, taken again while it was disturbed; what that takes is off the contestant's `spare` time. */
async function undisturbed(contestant) {
  const { timer, count } = contestant;
  let best = await timer.time(count);
  for (let i = 1; i < TRIES && contestant.spare > 0 && best.cpu / best.wall < ENOUGH_PROCESSOR; i++) {
    const again = await timer.time(count);
    contestant.spare -= again.wall;
    if (again.cpu / again.wall > best.cpu / best.wall) best = again;
  }
  return best;
}

/** Times a task of `{ run, prepare? }` in this process. A `run` that gives promises is awaited. */
export function timerOf(task) {
  let waits = false;
  const timeRunsOf = (count) => (waits ? timeWaitingRuns(task, count) : timeRuns(task, count));
  const fastestWithin = async (duration) => {
    let fastest = Number.POSITIVE_INFINITY;
    const started = performance.now();
    do fastest = Math.min(fastest, await timeRunsOf(1));
    while (performance.now() - started < duration);
    return fastest;
  };
  return {
    /**
     * Runs for `warmUp` ms, again and again until that makes it no faster: until the compiler has made what it will make
     * of the task. Gives the time that a run takes.
     */
    warm: async (warmUp, sample) => {
      task.prepare?.();
      const first = task.run();
      waits = typeof first?.then === "function";
      await first;
      let before = Number.POSITIVE_INFINITY;
      for (let window = 0; window < WINDOWS; window++) {
        const fastest = await fastestWithin(warmUp);
        if (fastest > 0.95 * before) break;
        before = fastest;
      }
      const last = await timeRunsOf(1);
      // It alone may be a lucky or an unlucky one; of those much longer than a sample, one tells enough.
      const typical = last > 2 * sample ? last : Math.min(last, (await timeRunsOf(3)) / 3);
      return Math.max(1e-4, typical);
    },
    /** The `time` of so many runs, and what the whole sample took by the clock and of a processor, in ms. */
    time: async (count) => {
      const started = performance.now();
      const cpu = process.cpuUsage();
      // Not timed: it fetches from memory what the others have thrown out of the caches.
      if (count > 1) await timeRunsOf(1);
      const time = await timeRunsOf(count);
      const { user, system } = process.cpuUsage(cpu);
      return { time, wall: performance.now() - started, cpu: (user + system) / 1000 };
    },
  };
}

/**
 * Statistics of samples, in milliseconds a run, without those that were disturbed; if nearly all were, of the least
 * disturbed. `processorShare` is the smallest of the samples that count.
 */
export function describe(samples) {
  const best = samples.toSorted((a, b) => b.share - a.share);
  const undisturbed = best.findIndex(({ share }) => share < ENOUGH_PROCESSOR);
  const kept = best.slice(0, undisturbed < 0 ? best.length : Math.max(undisturbed, FEWEST_KEPT));
  return { ...quartiles(kept.map(({ time }) => time)), processorShare: kept.at(-1).share };
}

export function quartiles(times) {
  const sorted = Float64Array.from(times).sort();
  const at = (q) => quantileSorted(sorted, q);
  return { median: at(0.5), lower: at(0.25), upper: at(0.75), fastest: sorted[0], samples: sorted.length };
}

/** Reasons to distrust the times, as sentences; none on a quiet machine. `own`: how many processors we keep busy. */
export function whatDisturbs(own) {
  const reasons = [];
  const [load] = loadavg();
  const cores = cpus().length;
  if (load - own > cores / 2) reasons.push(`the load average is ${load.toFixed(1)} on ${cores} cores`);
  // The same arithmetic 25 times: on a quiet machine the quartiles lie within 1 or 2 %.
  spin();
  const samples = Array.from({ length: 25 }, () => {
    const started = performance.now();
    spin();
    return performance.now() - started;
  });
  const spread = interquartileRange(samples) / quartiles(samples).median;
  if (spread > 0.05) reasons.push(`a fixed piece of work varies by ${(100 * spread).toFixed(0)} % (quartiles)`);
  return reasons;
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

async function timeWaitingRuns({ run, prepare }, count) {
  let total = 0;
  for (let i = 0; i < count; i++) {
    prepare?.();
    const started = performance.now();
    await run();
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
