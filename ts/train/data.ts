/** From what people have (arrays, tensors, labels) to data sets of the core. */
import { CoreDataset } from "../../build/wasm/evenkeel.js";
import { call } from "../core.js";
import { type Labels, type LossName, takeTarget } from "../nn/loss.js";
import { flatten } from "../tensor/input.js";
import { Indices, Tensor, type TensorLike, takeIndices, takeTensor } from "../tensor/tensor.js";

/** Inputs, targets and perhaps a weight for each row. */
export interface TrainingData {
  /** Inputs, one row a sample: `[N, ...]`. */
  readonly x: TensorLike;
  /** Class labels `[N]`, or values; values in a row are taken as a column, `[N, 1]`. */
  readonly y: Labels | TensorLike;
  /** One factor a row. */
  readonly sampleWeight?: TensorLike | undefined;
}

/** @internal A target for a loss, or for a function of one's own (integers are then labels). */
export function takeY(y: Labels | TensorLike, loss: LossName | undefined, rankOfOutput = 2) {
  if (loss === undefined) {
    if (y instanceof Indices) return { labels: takeIndices(y, "y"), values: undefined };
    return { labels: undefined, values: takeTensor(y as TensorLike, "y") };
  }
  const isClass = loss === "crossEntropy" || loss === "nll";
  if (!isClass && !(y instanceof Tensor) && !(y instanceof Indices)) {
    const flat = flatten(y, undefined, "y");
    if (flat.shape.length === 1) {
      return {
        labels: undefined,
        values: takeTensor({ data: flat.data as Float32Array, shape: [flat.data.length, 1] }, "y"),
      };
    }
  }
  return takeTarget(loss, y, rankOfOutput);
}

/** @internal A data set of the core; the caller frees it or gives it away. */
export function makeDataset(data: TrainingData, loss: LossName | undefined): CoreDataset {
  const x = takeTensor(data.x, "x");
  try {
    const { labels, values } = takeY(data.y, loss);
    const weights = data.sampleWeight === undefined ? undefined : takeTensor(data.sampleWeight, "sampleWeight");
    return call(() => new CoreDataset(x, labels, values, weights));
  } finally {
    x.free();
  }
}
