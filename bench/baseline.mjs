// The pure-JavaScript baseline that evenkeel is measured against: what a careful person would write by hand for the MNIST
// net 784-256-BN-ReLU-128-BN-ReLU-10. Every buffer is allocated once; a step allocates nothing, a prediction one view.
import { BatchNorm } from "./baseline/batch-norm.mjs";
import { Adam, Linear, relu, reluBackward, softmaxCrossEntropy } from "./baseline/layers.mjs";

export { BatchNorm } from "./baseline/batch-norm.mjs";
export { matmul, matmulTransposedA, matmulTransposedB } from "./baseline/matmul.mjs";

export const SIZES = [784, 256, 128, 10];

export class MnistNet {
  /** `rows` is the largest batch; parameters start at 0 (weights) and PyTorch's batch norm values: see `load`. */
  constructor(rows, adam = {}, sizes = SIZES) {
    this.sizes = sizes;
    this.rows = rows;
    const widths = sizes.slice(1);
    this.linears = widths.map((width, i) => new Linear(sizes[i], width));
    this.norms = widths.slice(0, -1).map((width) => new BatchNorm(width));
    // After each linear layer, each norm, each ReLU; gradients flow back in one buffer a layer.
    this.sums = widths.map((width) => new Float32Array(rows * width));
    this.normed = this.norms.map((norm) => new Float32Array(rows * norm.channels));
    this.active = this.norms.map((norm) => new Float32Array(rows * norm.channels));
    this.gradients = widths.map((width) => new Float32Array(rows * width));
    this.placeParameters();
    this.adam = new Adam(this.values.length, adam);
  }

  // All parameters lie in one array and their gradients in another, so that Adam is a single loop.
  placeParameters() {
    const owners = [...this.linears, ...this.norms];
    const count = owners.reduce((sum, owner) => sum + owner.weight.length + owner.bias.length, 0);
    this.values = new Float32Array(count);
    this.valueGradients = new Float32Array(count);
    let offset = 0;
    for (const owner of owners) {
      for (const name of ["weight", "bias"]) {
        const { length } = owner[name];
        this.values.set(owner[name], offset);
        owner[name] = this.values.subarray(offset, offset + length);
        owner[`${name}Gradient`] = this.valueGradients.subarray(offset, offset + length);
        offset += length;
      }
    }
  }

  /** Logits of x[rows, 784] in eval mode: a view of the net's own memory, good until its next call. */
  predict(x, rows = x.length / this.sizes[0]) {
    const logits = this.run(x, rows, false);
    return logits.subarray(0, rows * this.sizes[this.norms.length + 1]);
  }

  /** One step of Adam on the mean cross-entropy; returns the loss before the step. */
  trainStep(x, labels) {
    const loss = this.lossAndGradients(x, labels);
    this.adam.step(this.values, this.valueGradients);
    return loss;
  }

  lossAndGradients(x, labels) {
    const rows = labels.length;
    const { linears, norms, sums, active, gradients } = this;
    const last = norms.length;
    const logits = this.run(x, rows, true);
    const loss = softmaxCrossEntropy(logits, labels, gradients[last], rows, linears[last].outputs);
    for (let i = last; i > 0; i--) {
      const below = gradients[i - 1];
      linears[i].backward(active[i - 1], gradients[i], below, rows);
      reluBackward(active[i - 1], below, below, rows * norms[i - 1].channels);
      norms[i - 1].backward(sums[i - 1], below, below, rows);
    }
    linears[0].backward(x, gradients[0], null, rows);
    return loss;
  }

  run(x, rows, training) {
    if (rows > this.rows)
      throw new RangeError(`this net was made for batches of at most ${this.rows} rows, not ${rows}`);
    const { linears, norms, sums, normed, active } = this;
    let input = x;
    for (let i = 0; i < norms.length; i++) {
      linears[i].forward(input, sums[i], rows);
      if (training) norms[i].forward(sums[i], normed[i], rows);
      else norms[i].infer(sums[i], normed[i], rows);
      relu(normed[i], active[i], rows * norms[i].channels);
      input = active[i];
    }
    linears[norms.length].forward(input, sums[norms.length], rows);
    return sums[norms.length];
  }

  /** Takes a state by PyTorch's names in a sequential: "0.weight", "1.running_mean", ... */
  load(state) {
    const put = (target, name) => {
      if (!state[name]) throw new Error(`the state has no "${name}"`);
      target.set(state[name]);
    };
    this.linears.forEach((linear, i) => {
      put(linear.weight, `${3 * i}.weight`);
      put(linear.bias, `${3 * i}.bias`);
    });
    this.norms.forEach((norm, i) => {
      put(norm.weight, `${3 * i + 1}.weight`);
      put(norm.bias, `${3 * i + 1}.bias`);
      put(norm.runningMean, `${3 * i + 1}.running_mean`);
      put(norm.runningVariance, `${3 * i + 1}.running_var`);
    });
  }
}
