// The numbers of the training that all contestants share, and the nets' starting values for libraries that write a dense
// layer as x · W: PyTorch's weight[outputs, inputs] transposed, with shapes.

export const ADAM = { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
export const EPS = 1e-5;
export const MOMENTUM = 0.1;
/** Of the net without batch norm: on the mean squared error. */
export const PLAIN_RATE = 0.5;

/** `{ linears: [{ weight, bias }], norms: [{ weight, bias }], running: [{ mean, variance }] }` of `{ data, shape }`. */
export function fromState(state) {
  const places = [0, 1].map((i) => 3 * i + 1);
  return {
    linears: [0, 3, 6].map((place) => linear(state, place)),
    norms: places.map((at) => ({ weight: vector(state[`${at}.weight`]), bias: vector(state[`${at}.bias`]) })),
    running: places.map((at) => ({
      mean: vector(state[`${at}.running_mean`]),
      variance: vector(state[`${at}.running_var`]),
    })),
  };
}

/** `[{ weight, bias }]` of the net without batch norm. */
export function plainFromState(state) {
  return [0, 2].map((place) => linear(state, place));
}

function linear(state, place) {
  const bias = state[`${place}.bias`];
  const weight = state[`${place}.weight`];
  const outputs = bias.length;
  const inputs = weight.length / outputs;
  const data = new Float32Array(weight.length);
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) data[i * outputs + o] = weight[o * inputs + i];
  }
  return { weight: { data, shape: [inputs, outputs] }, bias: vector(bias) };
}

function vector(data) {
  return { data, shape: [data.length] };
}
