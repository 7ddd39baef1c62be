// TensorFlow.js, its pure JavaScript backend and its WebAssembly backend (with SIMD, one thread), behind the benchmark's
// interface (see `../../baseline/contestant.mjs`). Batch norm is written as its layers write it: `moments` and
// `batchNorm`, of which the latter is one kernel. Both backends compute at once, so a result needs no waiting for.
import * as tf from "@tensorflow/tfjs-core";
import { oneHot } from "../../mnist.mjs";
import { ADAM, EPS, fromState, MOMENTUM, PLAIN_RATE, plainFromState } from "../../state.mjs";

export const contestants = [
  contestant("tfjs cpu", "cpu", () => import("@tensorflow/tfjs-backend-cpu")),
  contestant("tfjs wasm", "wasm", async () => {
    const { setThreadsCount } = await import("@tensorflow/tfjs-backend-wasm");
    setThreadsCount(1);
  }),
];

function contestant(label, backend, load) {
  const startToPredict = async () => {
    // No checks for NaN, no advice on the console.
    tf.enableProdMode();
    await load();
    await tf.setBackend(backend);
    await tf.ready();
  };
  const start = async () => {
    await startToPredict();
    // In Node only this package brings the gradients.
    await import("@tensorflow/tfjs");
  };
  const tasks = { matmulTask, batchNormForwardTask, batchNormBothTask, mnistNet, plainNet };
  return { label, start, startToPredict, ...tasks };
}

function matmulTask({ a, b, m, n, k, transposed }) {
  const left = tf.tensor2d(a, transposed === "a" ? [k, m] : [m, k]);
  const right = tf.tensor2d(b, transposed === "b" ? [n, k] : [k, n]);
  // Its WebAssembly backend is much faster at a transposition and a product than at a product with `transposeA`.
  const multiply = {
    "": () => tf.matMul(left, right),
    a: () => tf.matMul(tf.transpose(left), right),
    b: () => tf.matMul(left, tf.transpose(right)),
  }[transposed];
  return task(
    () => ({ c: multiply() }),
    () => tf.dispose([left, right]),
  );
}

function batchNormForwardTask({ x, rows, channels, weight, bias }) {
  const inputs = [tf.tensor2d(x, [rows, channels]), tf.tensor1d(weight), tf.tensor1d(bias)];
  const running = newRunning(channels);
  return task(
    () => {
      const y = batchNorm(...inputs, running);
      return { y, running_mean: tf.clone(running.mean), running_var: tf.clone(running.variance) };
    },
    () => tf.dispose([inputs, running]),
  );
}

function batchNormBothTask({ x, dy, rows, channels, weight, bias }) {
  const inputs = [tf.tensor2d(x, [rows, channels]), tf.tensor1d(weight), tf.tensor1d(bias)];
  const gradient = tf.tensor2d(dy, [rows, channels]);
  const running = newRunning(channels);
  const gradients = tf.grads((...args) => batchNorm(...args, running));
  return task(
    () => {
      const [dx, ofWeight, ofBias] = gradients(inputs, gradient);
      return { dx, weight: ofWeight, bias: ofBias };
    },
    () => tf.dispose([inputs, gradient, running]),
  );
}

function mnistNet(_rows, state) {
  const { linears, norms, running } = upload(fromState(state));
  const optimizer = tf.train.adam(ADAM.lr, ADAM.beta1, ADAM.beta2, ADAM.eps);
  const forward = (x, normalise) => {
    let input = x;
    norms.forEach((norm, i) => {
      input = tf.relu(normalise(dense(input, linears[i]), norm, running[i]));
    });
    return dense(input, linears[norms.length]);
  };
  const train = (x, { weight, bias }, moved) => batchNorm(x, weight, bias, moved);
  const infer = (x, { weight, bias }, { mean, variance }) => tf.batchNorm(x, mean, variance, bias, weight, EPS);
  return {
    step: (data, labels) =>
      tf.tidy(() => {
        const x = tf.tensor2d(data, [labels.length, 784]);
        const targets = tf.oneHot(tf.tensor1d(labels, "int32"), 10);
        const cost = optimizer.minimize(() => tf.losses.softmaxCrossEntropy(targets, forward(x, train)), true);
        return cost.dataSync()[0];
      }),
    predict: (data, rows) => tf.tidy(() => forward(tf.tensor2d(data, [rows, 784]), infer).dataSync()),
    dispose: () => {
      tf.dispose([linears, norms, running]);
      optimizer.dispose();
    },
  };
}

function plainNet(_rows, state) {
  const layers = upload(plainFromState(state));
  const optimizer = tf.train.sgd(PLAIN_RATE);
  return {
    step: (data, labels) =>
      tf.tidy(() => {
        const x = tf.tensor2d(data, [labels.length, 784]);
        const targets = tf.tensor2d(oneHot(labels), [labels.length, 10]);
        const loss = () => {
          const outputs = layers.reduce((input, layer) => tf.sigmoid(dense(input, layer)), x);
          return tf.losses.meanSquaredError(targets, outputs);
        };
        return optimizer.minimize(loss, true).dataSync()[0];
      }),
    dispose: () => {
      tf.dispose(layers);
      optimizer.dispose();
    },
  };
}

// `tf.fused.matMul`, which does both, is slower here.
function dense(x, { weight, bias }) {
  return tf.add(tf.matMul(x, weight), bias);
}

/** By the statistics of the batch, which move the running ones. */
function batchNorm(x, weight, bias, running) {
  const [rows] = x.shape;
  const { mean, variance } = tf.moments(x, 0);
  const moved = (old, now, factor) => old.assign(tf.add(tf.mul(old, 1 - MOMENTUM), tf.mul(now, MOMENTUM * factor)));
  moved(running.mean, mean, 1);
  moved(running.variance, variance, rows / (rows - 1));
  return tf.batchNorm(x, mean, variance, bias, weight, EPS);
}

function newRunning(channels) {
  return { mean: tf.variable(tf.zeros([channels]), false), variance: tf.variable(tf.ones([channels]), false) };
}

/** `make` gives the task's results by name, kept until the next run. */
function task(make, end) {
  let last;
  return {
    run: () => {
      tf.dispose(last);
      last = tf.tidy(make);
    },
    output: () => Object.fromEntries(Object.entries(last).map(([key, value]) => [key, value.dataSync()])),
    dispose: () => {
      tf.dispose(last);
      end();
    },
  };
}

/** Variables; the running statistics are not for the optimizer. */
function upload(values, trains = true) {
  if (values.shape) return tf.variable(tf.tensor(values.data, values.shape), trains);
  if (Array.isArray(values)) return values.map((one) => upload(one, trains));
  return Object.fromEntries(
    Object.entries(values).map(([key, one]) => [key, upload(one, key !== "running" && trains)]),
  );
}
