// The baseline behind the interface that the benchmark times and checks; `../evenkeel.mjs` is the other side of it.
//
// A contestant's task is `{ run, prepare?, output }`: `run` is timed, `prepare` goes before each run and is not,
// `output` gives the numbers of the last run for the check, by name. Tasks end with `dispose`, where there is one. All of
// these may give promises but `prepare`. A contestant that lacks a kind of task sits its cases out.
import { BatchNorm, MnistNet, matmul, matmulTransposedA, matmulTransposedB } from "../baseline.mjs";

export const label = "plain JavaScript";

const products = { "": matmul, a: matmulTransposedA, b: matmulTransposedB };

export function matmulTask({ a, b, m, n, k, transposed }) {
  const c = new Float32Array(m * n);
  const multiply = products[transposed];
  return { run: () => multiply(a, b, c, m, n, k), output: () => ({ c }) };
}

export function batchNormForwardTask({ x, rows, channels, weight, bias }) {
  const norm = filled(channels, weight, bias);
  const y = new Float32Array(rows * channels);
  return {
    run: () => norm.forward(x, y, rows),
    output: () => ({ y, running_mean: norm.runningMean, running_var: norm.runningVariance }),
  };
}

export function batchNormBackwardTask({ x, dy, rows, channels, weight, bias }) {
  const norm = filled(channels, weight, bias);
  const dx = new Float32Array(rows * channels);
  norm.forward(x, dx, rows);
  return {
    run: () => norm.backward(x, dy, dx, rows),
    output: () => ({ dx, weight: norm.weightGradient, bias: norm.biasGradient }),
  };
}

/** Forward, then backward. */
export function batchNormBothTask({ x, dy, rows, channels, weight, bias }) {
  const norm = filled(channels, weight, bias);
  const y = new Float32Array(rows * channels);
  const dx = new Float32Array(rows * channels);
  return {
    run: () => {
      norm.forward(x, y, rows);
      norm.backward(x, dy, dx, rows);
    },
    output: () => ({ dx, weight: norm.weightGradient, bias: norm.biasGradient }),
  };
}

/** The MNIST net with Adam: `step(x, labels)` gives the loss, `predict(x, rows)` the logits in eval mode. */
export function mnistNet(rows, state) {
  const net = new MnistNet(rows);
  net.load(state);
  return { step: (x, labels) => net.trainStep(x, labels), predict: (x, count) => net.predict(x, count) };
}

function filled(channels, weight, bias) {
  const norm = new BatchNorm(channels);
  norm.weight.set(weight);
  norm.bias.set(bias);
  return norm;
}
