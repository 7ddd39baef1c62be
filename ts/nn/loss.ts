/** Losses: how far predictions are from targets. PyTorch's formulas, options and defaults. */

import { badArgument, checkOptions, type Options as Known, oneOf } from "../check.js";
import { begin, bytes, core, floats, must, release } from "../crossing.js";
import { flatten, type NestedArray, type NumericArray, type Shaped } from "../tensor/input.js";
import { Indices, Tensor, type TensorLike, takeIndices, takeTensor } from "../tensor/tensor.js";
import { encode } from "../wire.js";

/** How the losses of rows or elements become one number. */
export type Reduction = "mean" | "sum" | "none";

/** Names of the built-in losses. */
export type LossName = "crossEntropy" | "nll" | "bceWithLogits" | "mse" | "l1" | "huber" | "smoothL1";

/** A built-in loss with its settings. */
export interface LossSpec {
  readonly type: LossName;
  /** Weight of each class (crossEntropy, nll). */
  readonly weight?: NumericArray;
  /** Label that does not count; −100. */
  readonly ignoreIndex?: number;
  /** Share of the target spread evenly over all classes; 0. */
  readonly labelSmoothing?: number;
  /** Weight of positives per column (bceWithLogits). */
  readonly posWeight?: NumericArray;
  /** Factor of each element, broadcast (bceWithLogits). */
  readonly elementWeight?: TensorLike;
  /** Where Huber turns from square to line; 1. */
  readonly delta?: number;
  /** Where smooth L1 turns; 1. */
  readonly beta?: number;
}

/** Class labels: whole numbers, one a row. */
export type Labels = Indices | Shaped | NumericArray | NestedArray;

const reductions = { mean: 0, sum: 1, none: 2 } as const;

/** The settings of each loss. */
const settings: Record<LossName, Known> = {
  crossEntropy: { weight: "any", ignoreIndex: "number", labelSmoothing: "number" },
  nll: { weight: "any", ignoreIndex: "number" },
  bceWithLogits: { posWeight: "any", elementWeight: "any" },
  mse: {},
  l1: {},
  huber: { delta: "number" },
  smoothL1: { beta: "number" },
};

/** @internal Whether a loss compares classes. */
export const isClassLoss = (type: LossName | undefined): boolean => type === "crossEntropy" || type === "nll";

/** @internal A loss of the core, the caller's to release. */
export function makeLoss(spec: LossSpec): number {
  const { type, ignoreIndex, labelSmoothing, delta, beta } = spec;
  oneOf(type, "loss", Object.keys(settings));
  checkOptions(type, spec, { type: "string", ...settings[type] });
  const weight = spec.weight ?? spec.posWeight;
  const each = weight === undefined ? undefined : flatten(weight, undefined, "weight").data;
  const elements = spec.elementWeight === undefined ? 0 : takeTensor(spec.elementWeight, "elementWeight");
  try {
    const encoded = encode({ type, ignoreIndex, labelSmoothing, delta, beta });
    begin(encoded.length + 4 * (each?.length ?? 0) + 16);
    return must(core.makeLoss(bytes(encoded), each === undefined ? -1 : floats(each), elements));
  } finally {
    release(elements);
  }
}

/**
 * @internal Labels or values for a loss, the caller's to release: labels for class losses given whole numbers of one rank
 * less than the input.
 */
export function takeTarget(type: LossName, target: Labels | TensorLike, rank: number, argument = "target"): number {
  if (target instanceof Indices) return takeIndices(target, argument);
  if (isClassLoss(type) && !(target instanceof Tensor)) {
    const flat = flatten(target, undefined, argument);
    if (flat.shape.length < rank) return takeIndices(target as Labels, argument);
  }
  return takeTensor(target as TensorLike, argument);
}

/** @internal Computes a loss, the caller's to release; numbers are left as `applyLoss` wants them. */
export function computeLoss(
  loss: number,
  type: LossName,
  input: Tensor,
  target: Labels | TensorLike,
  sampleWeight: TensorLike | undefined,
  reduction: Reduction,
): number {
  const against = takeTarget(type, target, input.rank);
  let weights = 0;
  try {
    if (sampleWeight !== undefined) weights = takeTensor(sampleWeight, "sampleWeight");
    return must(core.computeLoss(loss, input.id, against, weights, reductions[reduction]));
  } finally {
    release(against);
    release(weights);
  }
}

/** What every loss function takes beside its own options. */
export interface LossOptions {
  /** `mean` by default. */
  readonly reduction?: Reduction;
  /** One factor a row. */
  readonly sampleWeight?: TensorLike;
}

function lossFunction(spec: LossSpec, input: Tensor, target: Labels | TensorLike, options: LossOptions): Tensor {
  if (!(input instanceof Tensor)) throw badArgument(`the predictions for ${spec.type}`, "a tensor", input);
  const { type, ...own } = spec;
  checkOptions(type, { ...own, ...options }, { ...settings[type], reduction: "any", sampleWeight: "any" });
  const reduction = oneOf(options.reduction ?? "mean", "reduction", ["mean", "sum", "none"]);
  const loss = makeLoss(spec);
  try {
    return new Tensor(computeLoss(loss, spec.type, input, target, options.sampleWeight, reduction));
  } finally {
    release(loss);
  }
}

type Options<K extends keyof LossSpec> = LossOptions & Pick<LossSpec, K>;

/**
 * Softmax and cross entropy in one. Logits `[N, C]` (or `[N, C, ...]`); labels `[N]`, or probabilities of the logits'
 * shape. The mean divides by the sum of the class weights of the labels, as in PyTorch.
 */
export const crossEntropy = (
  logits: Tensor,
  target: Labels | TensorLike,
  { reduction, sampleWeight, ...own }: Options<"weight" | "ignoreIndex" | "labelSmoothing"> = {},
): Tensor => lossFunction({ type: "crossEntropy", ...own }, logits, target, pick(reduction, sampleWeight));

/** Negative log likelihood of log-probabilities `[N, C]`. */
export const nll = (
  logProbabilities: Tensor,
  target: Labels,
  { reduction, sampleWeight, ...own }: Options<"weight" | "ignoreIndex"> = {},
): Tensor => lossFunction({ type: "nll", ...own }, logProbabilities, target, pick(reduction, sampleWeight));

/** Sigmoid and binary cross entropy in one, element by element. */
export const bceWithLogits = (
  logits: Tensor,
  target: TensorLike,
  { reduction, sampleWeight, ...own }: Options<"posWeight" | "elementWeight"> = {},
): Tensor => lossFunction({ type: "bceWithLogits", ...own }, logits, target, pick(reduction, sampleWeight));

/** Mean squared error. */
export const mse = (input: Tensor, target: TensorLike, options: LossOptions = {}): Tensor =>
  lossFunction({ type: "mse" }, input, target, options);

/** Mean absolute error. */
export const l1 = (input: Tensor, target: TensorLike, options: LossOptions = {}): Tensor =>
  lossFunction({ type: "l1" }, input, target, options);

/** Squared error up to delta, linear beyond (Huber 1964). */
export const huber = (
  input: Tensor,
  target: TensorLike,
  { reduction, sampleWeight, ...own }: Options<"delta"> = {},
): Tensor => lossFunction({ type: "huber", ...own }, input, target, pick(reduction, sampleWeight));

/** Huber divided by beta. */
export const smoothL1 = (
  input: Tensor,
  target: TensorLike,
  { reduction, sampleWeight, ...own }: Options<"beta"> = {},
): Tensor => lossFunction({ type: "smoothL1", ...own }, input, target, pick(reduction, sampleWeight));

function pick(reduction: Reduction | undefined, sampleWeight: TensorLike | undefined): LossOptions {
  return { ...(reduction === undefined ? {} : { reduction }), ...(sampleWeight === undefined ? {} : { sampleWeight }) };
}
