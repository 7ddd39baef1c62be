/** From what people have (arrays, tensors, labels) to data sets of the core. */
import { CoreDataset } from "../../build/wasm/evenkeel.js";
import { badArgument } from "../check.js";
import { call, warn } from "../core.js";
import { type Labels, type LossName, takeTarget } from "../nn/loss.js";
import { flatten } from "../tensor/input.js";
import { Indices, Tensor, type TensorLike, takeIndices, takeTensor } from "../tensor/tensor.js";

/** @internal What a loss of one's own gave. */
export function lossOutput(loss: unknown): Tensor {
  if (!(loss instanceof Tensor)) throw badArgument("what the loss returns", "a tensor of one value", loss);
  return loss;
}

/** Inputs, targets and perhaps a weight for each row. */
export interface TrainingData {
  /** Inputs, one row a sample: `[N, ...]`. */
  readonly x: TensorLike;
  /** Class labels `[N]`, or values; numbers in a row are taken as a column, `[N, 1]`, but for a `Tensor`. */
  readonly y: Labels | TensorLike;
  /** One factor a row. */
  readonly sampleWeight?: TensorLike | undefined;
}

/** @internal A target for a loss, or for a function of one's own (`Indices` are then labels). */
export function takeY(y: Labels | TensorLike, loss: LossName | undefined, rankOfOutput = 2) {
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
  if (loss !== undefined) return takeTarget(loss, y, rankOfOutput, "y");
  if (y instanceof Indices) return { labels: takeIndices(y, "y"), values: undefined };
  return { labels: undefined, values: takeTensor(y as TensorLike, "y") };
}

/** @internal A data set of the core; the caller frees it or gives it away. */
export function makeDataset(data: TrainingData, loss: LossName | undefined): CoreDataset {
  if (loss === undefined && data.sampleWeight !== undefined) {
    throw badArgument(
      "sampleWeight",
      "left out for a loss of one's own, which can weigh rows itself",
      data.sampleWeight,
    );
  }
  const x = takeTensor(data.x, "x");
  try {
    const { labels, values } = takeY(data.y, loss);
    const weights = data.sampleWeight === undefined ? undefined : takeTensor(data.sampleWeight, "sampleWeight");
    return call(() => new CoreDataset(x, labels, values, weights));
  } finally {
    x.free();
  }
}

/** @internal Warns of classes that only one side of a split has. */
export function warnOfMissingClasses(train: CoreDataset, valid: CoreDataset): void {
  const classes = (set: CoreDataset): Set<number> => {
    const labels = call(() => set.labels());
    const all = new Set(labels?.data());
    labels?.free();
    return all;
  };
  const [a, b] = [classes(train), classes(valid)];
  for (const c of [...new Set([...a, ...b])].sort((x, y) => x - y)) {
    if (!a.has(c))
      warn("CLASS_MISSING", `Class ${c} is only in the validation rows: the model never sees it. Try stratify: true.`);
    if (!b.has(c)) warn("CLASS_MISSING", `Class ${c} is missing from the validation rows. Try stratify: true.`);
  }
}
