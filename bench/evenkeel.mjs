// evenkeel behind the interface that the benchmark times and checks (see `baseline/contestant.mjs`). All that the
// benchmark knows of evenkeel's API is in this file. It is the built package, as people get it.
import { init, nn, optim, Trainer, tensor } from "evenkeel";

export async function start() {
  await init();
}

// The operands are tensors already, as they are in the middle of a computation; the product is made and given back.
export function matmulTask({ a, b, m, n, k }) {
  const left = tensor(a, [m, k]);
  const right = tensor(b, [k, n]);
  return {
    run: () => left.matmul(right).dispose(),
    output: () => {
      const product = left.matmul(right);
      return { c: takeValues(product) };
    },
    dispose: () => dispose(left, right),
  };
}

export function batchNormForwardTask({ x, rows, channels, weight, bias }) {
  const norm = batchNorm(channels, weight, bias);
  const input = tensor(x, [rows, channels]);
  let y;
  return {
    run: () => {
      y?.dispose();
      y = norm.forward(input);
    },
    output: () => {
      const state = norm.state();
      return { y: y.toArray(), running_mean: state.running_mean.data, running_var: state.running_var.data };
    },
    dispose: () => dispose(y, input, norm),
  };
}

// A backward pass uses up the record of its forward pass, which therefore comes before each, untimed.
export function batchNormBackwardTask({ x, dy, rows, channels, weight, bias }) {
  const norm = batchNorm(channels, weight, bias);
  const values = tensor(x, [rows, channels]);
  const input = values.tracked();
  const gradient = tensor(dy, [rows, channels]);
  let y;
  return {
    prepare: () => {
      y?.dispose();
      input.zeroGrad();
      for (const parameter of parametersOf(norm)) parameter.zeroGrad();
      y = norm.forward(input);
    },
    run: () => y.backward(gradient),
    output: () => {
      const [ofWeight, ofBias] = parametersOf(norm).map((parameter) => takeValues(parameter.grad));
      return { dx: takeValues(input.grad), weight: ofWeight, bias: ofBias };
    },
    dispose: () => dispose(y, input, values, gradient, norm),
  };
}

/**
 * The MNIST net with Adam. A step and a prediction take plain arrays, and a prediction gives one back: the copies in and
 * out are part of what a caller waits for, so they are timed.
 */
export function mnistNet(_rows, state) {
  const model = mnistModel();
  const own = model.state();
  for (const [key, values] of Object.entries(state)) own[key] = { ...own[key], data: values };
  model.loadState(own);
  const trainer = new Trainer(model, { loss: "crossEntropy", optimizer: optim.adam({ lr: 1e-3 }), seed: 1 });
  return {
    step: (x, labels) => trainer.step({ data: x, shape: [labels.length, 784] }, labels).loss,
    predict: (x, rows) => takeValues(model.predict({ data: x, shape: [rows, 784] })),
    state: () => stateOf(model),
    dispose: () => dispose(trainer, model),
  };
}

/** A net of 2-8-2 on one row: what a step costs when there is hardly anything to compute. */
export function smallNet() {
  const model = nn.sequential(nn.dense(2, 8), nn.tanh(), nn.dense(8, 2));
  const trainer = new Trainer(model, { loss: "crossEntropy", optimizer: optim.sgd({ lr: 0.01 }), seed: 1 });
  const x = { data: Float32Array.of(0.5, -0.25), shape: [1, 2] };
  const labels = Int32Array.of(1);
  return { step: () => trainer.step(x, labels), dispose: () => dispose(trainer, model) };
}

/** The starting point of both sides: evenkeel's own initial weights. */
export function initialState() {
  const model = mnistModel();
  const state = stateOf(model);
  dispose(model);
  return state;
}

function mnistModel() {
  return nn.sequential(
    nn.dense(784, 256),
    nn.batchNorm(256),
    nn.relu(),
    nn.dense(256, 128),
    nn.batchNorm(128),
    nn.relu(),
    nn.dense(128, 10),
  );
}

/** Name to values, without the counters, which only evenkeel keeps. */
function stateOf(model) {
  const entries = Object.entries(model.state()).filter(([key]) => !key.endsWith("num_batches_tracked"));
  return Object.fromEntries(entries.map(([key, value]) => [key, Float32Array.from(value.data)]));
}

function batchNorm(channels, weight, bias) {
  const norm = nn.batchNorm(channels);
  const state = norm.state();
  norm.loadState({ ...state, weight: { ...state.weight, data: weight }, bias: { ...state.bias, data: bias } });
  norm.train();
  return norm;
}

/** Weight, then bias. */
function parametersOf(norm) {
  return [...norm.parameters()];
}

/** A copy of a tensor's values; the tensor is given back. */
function takeValues(result) {
  const values = result.toArray();
  result.dispose();
  return values;
}

function dispose(...handles) {
  for (const handle of handles) handle?.dispose?.();
}
