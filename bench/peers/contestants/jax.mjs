// jax-js on its WebAssembly device behind the benchmark's interface (see `../../baseline/contestant.mjs`). Functions are
// jitted, as its guide advises, a training step as a whole. jax-js is lazy: each run waits for its results.
//
// An array passed to a function of jax-js is used up; `.ref` keeps it.
import {
  defaultDevice,
  init,
  jit,
  nn,
  numpy as np,
  blockUntilReady as ready,
  tree,
  valueAndGrad,
  vjp,
} from "@jax-js/jax";
import { oneHot } from "../../mnist.mjs";
import { ADAM, EPS, fromState, MOMENTUM, PLAIN_RATE, plainFromState } from "../../state.mjs";

export const label = "jax-js";

export async function start() {
  await init("wasm");
  defaultDevice("wasm");
}

const products = {
  "": (a, b) => np.matmul(a, b),
  a: (a, b) => np.matmul(np.transpose(a), b),
  b: (a, b) => np.matmul(a, np.transpose(b)),
};

export function matmulTask({ a, b, m, n, k, transposed }) {
  const left = array(a, transposed === "a" ? [k, m] : [m, k]);
  const right = array(b, transposed === "b" ? [n, k] : [k, n]);
  const multiply = jit(products[transposed]);
  return task(
    () => ({ c: multiply(left.ref, right.ref) }),
    () => dispose(left, right, multiply),
  );
}

export function batchNormForwardTask({ x, rows, channels, weight, bias }) {
  const forward = jit((input, w, b, mean, variance) => {
    const { y, moments } = batchNorm(input, w, b);
    return { y, running: move({ mean, variance }, moments, rows) };
  });
  const inputs = [array(x, [rows, channels]), array(weight), array(bias)];
  let running = { mean: np.zeros([channels]), variance: np.ones([channels]) };
  return task(
    () => {
      const result = forward(...refs(inputs), running.mean, running.variance);
      running = refs(result.running);
      return { y: result.y, running_mean: result.running.mean, running_var: result.running.variance };
    },
    () => dispose(...inputs, running.mean, running.variance, forward),
  );
}

export function batchNormBothTask({ x, dy, rows, channels, weight, bias }) {
  const both = jit((input, w, b, gradient, mean, variance) => {
    const f = (...args) => {
      const { y, moments } = batchNorm(...args);
      return [y, moments];
    };
    const [y, back, moments] = vjp(f, [input, w, b], { hasAux: true });
    const [dx, ofWeight, ofBias] = back(gradient);
    back.dispose();
    return { y, dx, weight: ofWeight, bias: ofBias, running: move({ mean, variance }, moments, rows) };
  });
  const inputs = [array(x, [rows, channels]), array(weight), array(bias), array(dy, [rows, channels])];
  let running = { mean: np.zeros([channels]), variance: np.ones([channels]) };
  return task(
    () => {
      const { running: moved, ...result } = both(...refs(inputs), running.mean, running.variance);
      running = moved;
      return result;
    },
    () => dispose(...inputs, running.mean, running.variance, both),
  );
}

export function mnistNet(_rows, state) {
  let { linears, norms, running } = upload(fromState(state));
  let params = { linears, norms };
  let first = zerosLike(params);
  let second = zerosLike(params);
  let steps = 0;

  const gradients = valueAndGrad(
    (p, x, targets) => {
      const moments = [];
      const logits = forward(p, x, (input, { weight, bias }) => {
        const result = batchNorm(input, weight, bias);
        moments.push(result.moments);
        return result.y;
      });
      const losses = np.sum(nn.logSoftmax(logits, -1).mul(targets), -1);
      return [np.mean(losses).neg(), moments];
    },
    { hasAux: true },
  );
  const trainStep = jit((p, m, v, r, x, targets, rate, root) => {
    const rows = x.shape[0];
    const [[loss, moments], gradient] = gradients(refs(p), x, targets);
    const moved = r.map((one, i) => move(one, moments[i], rows));
    return { loss, running: moved, ...adam(p, gradient, m, v, rate, root) };
  });
  const infer = jit((p, r, x) => {
    let i = 0;
    return forward(p, x, (input, { weight, bias }) => {
      const { mean, variance } = r[i++];
      const scale = weight.div(np.sqrt(variance.add(EPS)));
      return input.mul(scale.ref).add(bias.sub(mean.mul(scale)));
    });
  });

  return {
    step: async (data, labels) => {
      const rows = labels.length;
      steps += 1;
      const rate = ADAM.lr / (1 - ADAM.beta1 ** steps);
      const root = 1 / Math.sqrt(1 - ADAM.beta2 ** steps);
      const targets = array(oneHot(labels), [rows, 10]);
      const x = array(data, [rows, 784]);
      const result = trainStep(params, first, second, running, x, targets, np.array(rate), np.array(root));
      await ready(result);
      ({ params, first, second, running } = result);
      const [loss] = await result.loss.data();
      return loss;
    },
    predict: (data, rows) => infer(refs(params), refs(running), array(data, [rows, 784])).data(),
    dispose: () => {
      for (const one of [params, first, second, running]) tree.dispose(one);
      dispose(trainStep, infer);
    },
  };
}

export function plainNet(_rows, state) {
  let params = upload(plainFromState(state));
  const gradients = valueAndGrad((p, x, targets) => {
    const outputs = p.reduce((input, one) => nn.sigmoid(dense(input, one)), x);
    return np.mean(np.square(outputs.sub(targets)));
  });
  const trainStep = jit((p, x, targets) => {
    const [loss, gradient] = gradients(refs(p), x, targets);
    return { loss, params: tree.map((value, g) => value.sub(g.mul(PLAIN_RATE)), p, gradient) };
  });
  return {
    step: async (data, labels) => {
      const rows = labels.length;
      const result = trainStep(params, array(data, [rows, 784]), array(oneHot(labels), [rows, 10]));
      await ready(result);
      params = result.params;
      const [loss] = await result.loss.data();
      return loss;
    },
    dispose: () => {
      tree.dispose(params);
      dispose(trainStep);
    },
  };
}

function forward({ linears, norms }, x, normalise) {
  let input = x;
  norms.forEach((norm, i) => {
    input = nn.relu(normalise(dense(input, linears[i]), norm));
  });
  return dense(input, linears[norms.length]);
}

function dense(x, { weight, bias }) {
  return np.matmul(x, weight).add(bias);
}

/** y by the statistics of the batch, and these, without their gradients. */
function batchNorm(x, weight, bias) {
  const mean = np.mean(x.ref, 0);
  const centred = x.sub(mean.ref);
  const variance = np.mean(np.square(centred.ref), 0);
  const scale = weight.div(np.sqrt(variance.ref.add(EPS)));
  return { y: centred.mul(scale).add(bias), moments: { mean, variance } };
}

function move(running, { mean, variance }, rows) {
  return {
    mean: running.mean.mul(1 - MOMENTUM).add(mean.mul(MOMENTUM)),
    variance: running.variance.mul(1 - MOMENTUM).add(variance.mul((MOMENTUM * rows) / (rows - 1))),
  };
}

function adam(params, gradient, first, second, rate, root) {
  const { beta1, beta2, eps } = ADAM;
  const m = tree.map((old, g) => old.mul(beta1).add(g.mul(1 - beta1)), first, refs(gradient));
  const v = tree.map((old, g) => old.mul(beta2).add(np.square(g).mul(1 - beta2)), second, gradient);
  const moved = tree.map(
    (value, a, b) => value.sub(a.mul(rate.ref).div(np.sqrt(b).mul(root.ref).add(eps))),
    params,
    refs(m),
    refs(v),
  );
  rate.dispose();
  root.dispose();
  return { params: moved, first: m, second: v };
}

/** `make` gives the task's results by name, which are waited for, and kept until the next run. */
function task(make, end) {
  let last;
  return {
    run: () => {
      if (last) tree.dispose(last);
      last = make();
      return ready(last);
    },
    output: async () => {
      const values = Object.entries(refs(last)).map(async ([key, value]) => [key, await value.data()]);
      return Object.fromEntries(await Promise.all(values));
    },
    dispose: () => {
      tree.dispose(last);
      end();
    },
  };
}

function upload(values) {
  if (values.shape) return array(values.data, values.shape);
  if (Array.isArray(values)) return values.map(upload);
  return Object.fromEntries(Object.entries(values).map(([key, one]) => [key, upload(one)]));
}

function array(data, shape = [data.length]) {
  return np.array(data, { shape });
}

function refs(values) {
  return tree.ref(values);
}

function zerosLike(values) {
  return tree.map((value) => np.zeros(value.shape), refs(values));
}

function dispose(...owned) {
  for (const one of owned) one.dispose();
}
