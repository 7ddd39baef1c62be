// The baseline's batch norm over [rows, channels], PyTorch's formulas; forward while training, forward with running
// statistics, backward while training.
//
// Sums run down four channels at once in registers, then a second pass goes along the rows with one multiply-add per
// value and coefficients in doubles. Tried for [128,256] and [1024,512], ns per value of the forward pass: along the
// rows throughout 1.7 and 1.7, down four channels throughout 1.1 and 2.1 (strides that miss the cache), this 1.1 and
// 1.2, eight channels 1.2 and 1.2.

export const EPS = 1e-5;
const MOMENTUM = 0.1;

export class BatchNorm {
  constructor(channels) {
    this.channels = channels;
    this.weight = new Float32Array(channels).fill(1);
    this.bias = new Float32Array(channels);
    this.weightGradient = new Float32Array(channels);
    this.biasGradient = new Float32Array(channels);
    this.runningMean = new Float32Array(channels);
    this.runningVariance = new Float32Array(channels).fill(1);
    // Of the last forward pass, for the backward pass.
    this.mean = new Float64Array(channels);
    this.inverse = new Float64Array(channels);
    // Coefficients of the pass along the rows.
    this.onInput = new Float64Array(channels);
    this.onGradient = new Float64Array(channels);
    this.constant = new Float64Array(channels);
  }

  /** y = (x - mean) / sqrt(variance + eps) * weight + bias by the batch; moves the running statistics. */
  forward(x, y, rows) {
    if (rows < 2) throw new RangeError("batch norm cannot train on one row: a single value has no variance");
    statistics(x, rows, this.channels, this.mean, this.inverse);
    const { channels, mean, inverse, onInput, constant, weight, bias, runningMean, runningVariance } = this;
    const unbiased = rows / (rows - 1);
    for (let c = 0; c < channels; c++) {
      // Until here `inverse` holds the biased variance.
      const variance = inverse[c];
      runningMean[c] += MOMENTUM * (mean[c] - runningMean[c]);
      runningVariance[c] += MOMENTUM * (variance * unbiased - runningVariance[c]);
      inverse[c] = 1 / Math.sqrt(variance + EPS);
      onInput[c] = inverse[c] * weight[c];
      constant[c] = bias[c] - mean[c] * onInput[c];
    }
    scaleAndShift(x, y, rows, channels, onInput, constant);
  }

  /** The same with the running statistics, which stay as they are. */
  infer(x, y, rows) {
    const { channels, onInput, constant, weight, bias, runningMean, runningVariance } = this;
    for (let c = 0; c < channels; c++) {
      onInput[c] = weight[c] / Math.sqrt(runningVariance[c] + EPS);
      constant[c] = bias[c] - runningMean[c] * onInput[c];
    }
    scaleAndShift(x, y, rows, channels, onInput, constant);
  }

  /** dx from dy, which may be the same array, and the gradients of weight and bias; after `forward` on this x. */
  backward(x, dy, dx, rows) {
    const { channels, mean, inverse, onInput, onGradient, constant, weight, weightGradient, biasGradient } = this;
    gradientSums(x, dy, rows, channels, mean, onGradient, constant);
    for (let c = 0; c < channels; c++) {
      const sum = onGradient[c];
      const product = constant[c] * inverse[c];
      biasGradient[c] = sum;
      weightGradient[c] = product;
      // dx = weight * inverse * (dy - mean(dy) - normalised * mean(dy * normalised)), as factors of dy, x and 1.
      const scale = weight[c] * inverse[c];
      onGradient[c] = scale;
      onInput[c] = (-scale * inverse[c] * product) / rows;
      constant[c] = (-scale * sum) / rows - onInput[c] * mean[c];
    }
    combine(x, dy, dx, rows, channels, onInput, onGradient, constant);
  }
}

// Two passes, since E[x²] - E[x]² would cancel where the mean is large.
function statistics(x, rows, channels, mean, variance) {
  const end = rows * channels;
  const fours = channels - (channels % 4);
  for (let c = 0; c < fours; c += 4) {
    let m0 = 0;
    let m1 = 0;
    let m2 = 0;
    let m3 = 0;
    for (let o = c; o < end; o += channels) {
      m0 += x[o];
      m1 += x[o + 1];
      m2 += x[o + 2];
      m3 += x[o + 3];
    }
    m0 /= rows;
    m1 /= rows;
    m2 /= rows;
    m3 /= rows;
    let v0 = 0;
    let v1 = 0;
    let v2 = 0;
    let v3 = 0;
    for (let o = c; o < end; o += channels) {
      const d0 = x[o] - m0;
      const d1 = x[o + 1] - m1;
      const d2 = x[o + 2] - m2;
      const d3 = x[o + 3] - m3;
      v0 += d0 * d0;
      v1 += d1 * d1;
      v2 += d2 * d2;
      v3 += d3 * d3;
    }
    mean[c] = m0;
    mean[c + 1] = m1;
    mean[c + 2] = m2;
    mean[c + 3] = m3;
    variance[c] = v0 / rows;
    variance[c + 1] = v1 / rows;
    variance[c + 2] = v2 / rows;
    variance[c + 3] = v3 / rows;
  }
  for (let c = fours; c < channels; c++) {
    let m = 0;
    for (let o = c; o < end; o += channels) m += x[o];
    m /= rows;
    let v = 0;
    for (let o = c; o < end; o += channels) v += (x[o] - m) * (x[o] - m);
    mean[c] = m;
    variance[c] = v / rows;
  }
}

/** Per channel the sum of dy, and of dy * (x - mean). */
function gradientSums(x, dy, rows, channels, mean, sums, products) {
  const end = rows * channels;
  const fours = channels - (channels % 4);
  for (let c = 0; c < fours; c += 4) {
    const m0 = mean[c];
    const m1 = mean[c + 1];
    const m2 = mean[c + 2];
    const m3 = mean[c + 3];
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    let p0 = 0;
    let p1 = 0;
    let p2 = 0;
    let p3 = 0;
    for (let o = c; o < end; o += channels) {
      const g0 = dy[o];
      const g1 = dy[o + 1];
      const g2 = dy[o + 2];
      const g3 = dy[o + 3];
      s0 += g0;
      s1 += g1;
      s2 += g2;
      s3 += g3;
      p0 += g0 * (x[o] - m0);
      p1 += g1 * (x[o + 1] - m1);
      p2 += g2 * (x[o + 2] - m2);
      p3 += g3 * (x[o + 3] - m3);
    }
    sums[c] = s0;
    sums[c + 1] = s1;
    sums[c + 2] = s2;
    sums[c + 3] = s3;
    products[c] = p0;
    products[c + 1] = p1;
    products[c + 2] = p2;
    products[c + 3] = p3;
  }
  for (let c = fours; c < channels; c++) {
    let s = 0;
    let p = 0;
    for (let o = c; o < end; o += channels) {
      s += dy[o];
      p += dy[o] * (x[o] - mean[c]);
    }
    sums[c] = s;
    products[c] = p;
  }
}

function scaleAndShift(x, y, rows, channels, onInput, constant) {
  for (let r = 0, o = 0; r < rows; r++) {
    for (let c = 0; c < channels; c++, o++) y[o] = x[o] * onInput[c] + constant[c];
  }
}

function combine(x, dy, dx, rows, channels, onInput, onGradient, constant) {
  for (let r = 0, o = 0; r < rows; r++) {
    for (let c = 0; c < channels; c++, o++) dx[o] = dy[o] * onGradient[c] + x[o] * onInput[c] + constant[c];
  }
}
