/** From what people have (arrays, tensors, labels) to data sets of the core. */
import { badArgument } from "../check.js";
import { warn } from "../core.js";
import { core, must, number, release } from "../crossing.js";
import { isClassLoss, type Labels, type LossName, takeTarget } from "../nn/loss.js";
import { flatten } from "../tensor/input.js";
import { Indices, intsOf, Tensor, type TensorLike, takeIndices, takeTensor } from "../tensor/tensor.js";

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

/** @internal A target for a loss, or for a function of one's own (`Indices` are then labels); the caller releases it. */
export function takeY(y: Labels | TensorLike, loss: LossName | undefined, rankOfOutput = 2): number {
  if (!isClassLoss(loss) && !(y instanceof Tensor) && !(y instanceof Indices)) {
    const flat = flatten(y, undefined, "y");
    if (flat.shape.length === 1) {
      return takeTensor({ data: flat.data as Float32Array, shape: [flat.data.length, 1] }, "y");
    }
  }
  if (loss !== undefined) return takeTarget(loss, y, rankOfOutput, "y");
  return y instanceof Indices ? takeIndices(y, "y") : takeTensor(y as TensorLike, "y");
}

/** @internal A data set of the core, the caller's to release. */
export function makeDataset(data: TrainingData, loss: LossName | undefined): number {
  if (loss === undefined && data.sampleWeight !== undefined) {
    throw badArgument(
      "sampleWeight",
      "left out for a loss of one's own, which can weigh rows itself",
      data.sampleWeight,
    );
  }
  const parts = [takeTensor(data.x, "x")];
  try {
    parts.push(takeY(data.y, loss));
    parts.push(data.sampleWeight === undefined ? 0 : takeTensor(data.sampleWeight, "sampleWeight"));
    return must(core.makeDataset(...(parts as [number, number, number])));
  } finally {
    parts.forEach(release);
  }
}

/** @internal Warns of classes that only one side of a split has. */
export function warnOfMissingClasses(train: number, valid: number): void {
  const classes = (set: number): Set<number> => {
    const targets = core.targetsOf(set);
    const all = new Set(number(0) === 1 ? intsOf(targets) : []);
    release(targets);
    return all;
  };
  const [a, b] = [classes(train), classes(valid)];
  for (const c of [...new Set([...a, ...b])].sort((x, y) => x - y)) {
    if (!a.has(c))
      warn("CLASS_MISSING", `Class ${c} is only in the validation rows: the model never sees it. Try stratify: true.`);
    if (!b.has(c)) warn("CLASS_MISSING", `Class ${c} is missing from the validation rows. Try stratify: true.`);
  }
}
