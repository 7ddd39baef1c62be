// The baseline's linear layer, ReLU, softmax cross-entropy and Adam: PyTorch's formulas, row-major Float32Arrays that the
// caller brings, nothing allocated.
import { matmul, matmulTransposedA, matmulTransposedB } from "./matmul.mjs";

/** y = x · weightᵀ + bias with weight[outputs, inputs]. */
export class Linear {
  constructor(inputs, outputs) {
    this.inputs = inputs;
    this.outputs = outputs;
    this.weight = new Float32Array(outputs * inputs);
    this.bias = new Float32Array(outputs);
    this.weightGradient = new Float32Array(outputs * inputs);
    this.biasGradient = new Float32Array(outputs);
    this.sums = new Float64Array(outputs);
  }

  forward(x, y, rows) {
    const { inputs, outputs, weight, bias } = this;
    matmulTransposedB(x, weight, y, rows, outputs, inputs);
    for (let r = 0, o = 0; r < rows; r++) {
      for (let j = 0; j < outputs; j++, o++) y[o] += bias[j];
    }
  }

  /** Gradients of weight and bias; and dx, unless it is null: the first layer's input needs none. */
  backward(x, dy, dx, rows) {
    const { inputs, outputs, weight, weightGradient, biasGradient, sums } = this;
    matmulTransposedA(dy, x, weightGradient, outputs, inputs, rows);
    sums.fill(0);
    for (let r = 0, o = 0; r < rows; r++) {
      for (let j = 0; j < outputs; j++, o++) sums[j] += dy[o];
    }
    biasGradient.set(sums);
    if (dx) matmul(dy, weight, dx, rows, inputs, outputs);
  }
}

export function relu(x, y, count) {
  for (let i = 0; i < count; i++) y[i] = Math.max(0, x[i]);
}

/** dx = dy where the output y was positive; may work in place. */
export function reluBackward(y, dy, dx, count) {
  for (let i = 0; i < count; i++) dx[i] = y[i] > 0 ? dy[i] : 0;
}

/** The mean cross-entropy of softmax(logits) against class numbers; its gradient goes to dLogits. */
export function softmaxCrossEntropy(logits, labels, dLogits, rows, classes) {
  let loss = 0;
  for (let r = 0; r < rows; r++) {
    const from = r * classes;
    // Less the largest, so that no exponential overflows.
    let largest = logits[from];
    for (let c = 1; c < classes; c++) largest = Math.max(largest, logits[from + c]);
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      const e = Math.exp(logits[from + c] - largest);
      dLogits[from + c] = e;
      sum += e;
    }
    const right = from + labels[r];
    loss += Math.log(sum) + largest - logits[right];
    const scale = 1 / (sum * rows);
    for (let c = 0; c < classes; c++) dLogits[from + c] *= scale;
    dLogits[right] -= 1 / rows;
  }
  return loss / rows;
}

/** Adam (Kingma and Ba, arXiv:1412.6980) as PyTorch writes it, over all parameters in one array. */
export class Adam {
  constructor(count, { lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8 } = {}) {
    Object.assign(this, { lr, beta1, beta2, eps, steps: 0 });
    this.first = new Float32Array(count);
    this.second = new Float32Array(count);
  }

  step(values, gradients) {
    const { lr, beta1, beta2, eps, first, second } = this;
    this.steps += 1;
    const rate = lr / (1 - beta1 ** this.steps);
    const root = 1 / Math.sqrt(1 - beta2 ** this.steps);
    for (let i = 0; i < values.length; i++) {
      const g = gradients[i];
      const m = beta1 * first[i] + (1 - beta1) * g;
      const v = beta2 * second[i] + (1 - beta2) * g * g;
      first[i] = m;
      second[i] = v;
      values[i] -= (rate * m) / (Math.sqrt(v) * root + eps);
    }
  }
}
