// From a second of motion to sixteen numbers: the eight features of CreateAI for the micro:bit, for x and for y.

/** Samples a second, and samples in a window of one second. */
export const rate = 50;
export const windowLength = 50;
/** Windows overlap: a new one begins every two samples. */
export const hop = 2;

const sum = (values) => values.reduce((a, b) => a + b, 0);
const mean = (values) => sum(values) / values.length;
const spread = (values, centre) => Math.sqrt(mean(values.map((v) => (v - centre) ** 2)));

/** Times that a signal rises above its mean plus its spread: the beats of a motion. */
function peaks(values) {
  const centre = mean(values);
  const high = centre + spread(values, centre);
  let count = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > high && values[i - 1] <= high) count++;
  return count;
}

/** Share of steps at which the motion turns from one direction to the other. */
function turns(values) {
  let count = 0;
  for (let i = 1; i < values.length; i++) if (values[i] < 0 !== values[i - 1] < 0) count++;
  return count / (values.length - 1);
}

const kinds = [
  ["max", (v) => Math.max(...v)],
  ["min", (v) => Math.min(...v)],
  ["mean", mean],
  ["std", (v) => spread(v, mean(v))],
  ["total", (v) => sum(v.map(Math.abs))],
  ["rms", (v) => Math.sqrt(mean(v.map((x) => x * x)))],
  ["peaks", peaks],
  ["turns", turns],
];

export const featureNames = ["x", "y"].flatMap((axis) => kinds.map(([name]) => `${axis} ${name}`));

/** Features of one window of speeds `[vx, vy]`, in pixels a second. Nothing scales them: batch norm will. */
export function featuresOf(window) {
  return [0, 1].flatMap((axis) => {
    const values = window.map((speeds) => speeds[axis]);
    return kinds.map(([, compute]) => compute(values));
  });
}

/** Features of each window in a recording, a row each. */
export function windowsOf(recording) {
  const rows = [];
  for (let from = 0; from + windowLength <= recording.length; from += hop) {
    rows.push(Float32Array.from(featuresOf(recording.slice(from, from + windowLength))));
  }
  return rows;
}
