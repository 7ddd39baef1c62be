/** What a trainer takes and gives. */

import { badArgument, checkOptions, count, finite, seedOf } from "../check.js";
import type { LossName, LossSpec } from "../nn/loss.js";
import type { ParameterGroup } from "../optim/optimizer.js";
import type { ScheduleSpec } from "../optim/schedule.js";
import { adam, type OptimizerSpec } from "../optim/specs.js";
import type { NumericArray } from "../tensor/input.js";
import type { Indices, Tensor } from "../tensor/tensor.js";
import { encode } from "../wire.js";

interface Losses {
  // A method: the target may then be declared as what it is.
  of(output: Tensor, target: Tensor | Indices): Tensor;
}

/**
 * A loss of one's own: one number from outputs and targets. The target is `Indices` where `y` was, else a tensor (say
 * which: `(output, target: Tensor) => ...`); numbers in a row come as a column, `[N, 1]`.
 */
export type CustomLoss = Losses["of"];

/** Limits gradients by their common norm, or each by its value. */
export type ClipOptions = { readonly norm: number; readonly p?: number } | { readonly value: number };

/** Settings of a {@link Trainer}. */
export interface TrainerOptions {
  /** The loss: a name, a name with settings, or a function. */
  readonly loss: LossName | LossSpec | CustomLoss;
  /** The optimizer; Adam by default. Groups of parameters may have settings of their own. */
  readonly optimizer?: OptimizerSpec | readonly ParameterGroup[];
  /** Seeds the shuffle, the validation split and dropout; 0. Weights were drawn when the layers were made (`manualSeed`). */
  readonly seed?: number;
  /** Weight of each class in a class loss. */
  readonly classWeight?: NumericArray;
  /** Batches whose gradients make one update, each counting by its size; 1. */
  readonly accumulate?: number;
  /** Limits gradients before each update. */
  readonly clip?: ClipOptions;
  /** Moves the learning rate. */
  readonly schedule?: ScheduleSpec;
  /** Decay of an exponential average of the weights, which `averaged()` gives; 0.999, for example. */
  readonly average?: number;
}

/** What one step did. */
export interface StepResult {
  /** The loss before the update. */
  readonly loss: number;
  /** Share of right predictions; NaN where the loss has no such thing. */
  readonly accuracy: number;
  /** Rows in the batch. */
  readonly rows: number;
  /** Norm of the gradients before clipping by norm, else NaN. */
  readonly gradNorm: number;
}

/** The options, checked and taken apart. */
export interface Settings {
  readonly seed: number;
  readonly custom: CustomLoss | undefined;
  readonly loss: LossSpec;
  readonly optimizer: OptimizerSpec;
  readonly groups: readonly ParameterGroup[] | undefined;
  readonly schedule: ScheduleSpec | undefined;
  /** The rest, as the core takes it. */
  readonly settings: Uint8Array;
}

function lossOf({ loss, classWeight }: TrainerOptions): LossSpec {
  const isObject = typeof loss === "object" && loss !== null;
  if (typeof loss !== "function" && typeof loss !== "string" && !isObject) {
    throw badArgument("loss", "the name of a loss, its settings, or a function", loss);
  }
  const spec: LossSpec =
    typeof loss === "function" ? { type: "mse" } : typeof loss === "string" ? { type: loss } : loss;
  if (classWeight === undefined) return spec;
  if (typeof loss === "function" || (spec.type !== "crossEntropy" && spec.type !== "nll")) {
    throw badArgument("classWeight", "left out, where the loss is not crossEntropy or nll", classWeight);
  }
  return { ...spec, weight: classWeight };
}

function clipOf(clip: ClipOptions | undefined): object {
  if (clip === undefined) return {};
  checkOptions("clip", clip, { norm: "number", p: "any", value: "number" });
  if ("norm" in clip && !("value" in clip)) {
    const { norm, p = 2 } = clip;
    if (typeof p !== "number" || !(p > 0)) throw badArgument("clip's p", "a number above 0, or Infinity", p);
    return { clip: finite(norm, "clip's norm"), clipP: p === Number.POSITIVE_INFINITY ? "inf" : p };
  }
  if (!("value" in clip) || "norm" in clip || "p" in clip) {
    throw badArgument("clip", "{ norm } (with p, perhaps) or { value }", clip);
  }
  return { clip: finite(clip.value, "clip's value") };
}

/** Checks and takes apart. */
export function settingsOf(options: TrainerOptions): Settings {
  checkOptions("Trainer", options, {
    loss: "any",
    optimizer: "any",
    seed: "any",
    classWeight: "any",
    accumulate: "any",
    clip: "any",
    schedule: "any",
    average: "number",
  });
  const { optimizer = adam(), accumulate = 1, schedule, average } = options;
  const seed = seedOf(options.seed ?? 0);
  const isSpec = typeof optimizer === "object" && optimizer !== null && "type" in optimizer && "settings" in optimizer;
  if (!isSpec && !Array.isArray(optimizer)) {
    throw badArgument("optimizer", "settings such as optim.adam(), or a list of groups", optimizer);
  }
  return {
    seed,
    custom: typeof options.loss === "function" ? options.loss : undefined,
    loss: lossOf(options),
    optimizer: isSpec ? (optimizer as OptimizerSpec) : adam(),
    groups: isSpec ? undefined : (optimizer as readonly ParameterGroup[]),
    schedule,
    settings: encode({
      seed,
      accumulate: count(accumulate, "accumulate", 1),
      average,
      every: schedule?.every ?? "epoch",
      ...clipOf(options.clip),
    }),
  };
}
