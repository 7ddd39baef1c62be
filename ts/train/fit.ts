/** What `fit` and `evaluate` take and give. */

import { badArgument, checkOptions, count, type Options, oneOf } from "../check.js";
import type { TrainingData } from "./data.js";
import type { EarlyStopping } from "./early-stop.js";
import { type Metric, type MetricName, metricOf } from "./metrics.js";
import type { StepResult } from "./options.js";

/** Batches from elsewhere: rows are used in the order and grouping in which they come. */
export type Batches = Iterable<TrainingData> | AsyncIterable<TrainingData>;

interface CommonOptions {
  /** Times through the data; 1. */
  readonly epochs?: number;
  /** Computed on the validation data after each epoch. */
  readonly metrics?: readonly (MetricName | Metric)[];
  /** Rows evaluated at a time; 256. */
  readonly evaluationBatchSize?: number;
  /** Called after each step. */
  readonly onStep?: (info: StepInfo) => void;
  /** Ends the training: `fit` then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Ends the training when a number stops improving. */
  readonly earlyStopping?: EarlyStopping;
}

/** Data of one's own to train on, all at once. */
export interface ArrayOptions extends CommonOptions, TrainingData {
  readonly batches?: undefined;
  /** Rows in a batch; 32. */
  readonly batchSize?: number;
  /** Whether rows come in a new order each epoch; true. */
  readonly shuffle?: boolean;
  /** What happens to rows that do not fill the last batch; see {@link Trainer.fit}. */
  readonly lastBatch?: "auto" | "drop" | "keep";
  /** Validation data, or the share of the rows that is held back (after a seeded shuffle). */
  readonly validation?: number | TrainingData;
  /** Whether that share is taken from each class alike. */
  readonly stratify?: boolean;
}

/** Batches from an (async) iterable, or a function that gives one for each epoch. */
export interface StreamOptions extends CommonOptions {
  readonly batches: Batches | (() => Batches);
  readonly x?: undefined;
  readonly y?: undefined;
  /** Validation data. */
  readonly validation?: TrainingData;
}

/** What to train on and how long. */
export type FitOptions = ArrayOptions | StreamOptions;

/** Where a training is after a step. */
export interface StepInfo extends StepResult {
  /** The epoch, from 0. */
  readonly epoch: number;
  /** The step in this call's epoch, from 0. */
  readonly step: number;
  /** Steps in an epoch, where known. */
  readonly steps?: number;
  /** Rows seen in this epoch. */
  readonly rowsSeen: number;
  /** Accuracy over this epoch so far. */
  readonly runningAccuracy: number;
  /** The learning rate for the next step. */
  readonly lr: number;
}

/** Loss, accuracy and metrics on a data set. */
export interface Evaluation {
  readonly loss: number;
  /** Share of right predictions; NaN where the loss has no such thing. */
  readonly accuracy: number;
  readonly rows: number;
  /** The metrics that were asked for, by name. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** What an epoch came to. Each row counts the same. */
export interface EpochResult {
  /** The epoch, from 0. */
  readonly epoch: number;
  /** Mean loss over the training rows, as they were seen. */
  readonly loss: number;
  /** Share of right predictions on the training rows; NaN where the loss has no such thing. */
  readonly accuracy: number;
  /** Learning rate at its end. */
  readonly lr: number;
  readonly rows: number;
  readonly seconds: number;
  readonly rowsPerSecond: number;
  /** The same on the validation rows, in eval mode. */
  readonly validation?: Evaluation;
}

/** Settings of `evaluate`. */
export interface EvaluateOptions {
  readonly metrics?: readonly (MetricName | Metric)[];
  /** Rows at a time; 256. */
  readonly batchSize?: number;
}

const dataOptions: Options = { x: "any", y: "any", sampleWeight: "any" };
const commonOptions: Options = {
  epochs: "any",
  validation: "any",
  metrics: "array",
  evaluationBatchSize: "any",
  onStep: "function",
  signal: "any",
  earlyStopping: "any",
};
const arrayOptions: Options = {
  ...dataOptions,
  ...commonOptions,
  batches: "any",
  batchSize: "any",
  shuffle: "boolean",
  lastBatch: "any",
  stratify: "boolean",
};
const streamOptions: Options = { batches: "any", ...commonOptions };
const stopOptions: Options = {
  monitor: "string",
  patience: "any",
  minDelta: "number",
  mode: "any",
  restoreBest: "boolean",
};

/** @internal Checks what the compiler cannot. */
export function checkFit(options: FitOptions): void {
  const { batches } = options;
  checkOptions(
    batches === undefined ? "fit" : "fit from batches",
    options,
    batches === undefined ? arrayOptions : streamOptions,
  );
  if (batches === undefined) {
    const { batchSize = 32, lastBatch = "auto", validation } = options;
    count(batchSize, "batchSize", 1);
    oneOf(lastBatch, "lastBatch", ["auto", "drop", "keep"]);
    if (typeof validation !== "object" && validation !== undefined && !(validation >= 0 && validation < 1)) {
      throw badArgument("validation", "a share of at least 0 and below 1, or data", validation);
    }
  } else if (
    typeof batches !== "function" &&
    !(typeof batches === "object" && (Symbol.iterator in batches || Symbol.asyncIterator in batches))
  ) {
    throw badArgument("batches", "an (async) iterable, or a function that makes one", batches);
  }
  const { epochs = 1, evaluationBatchSize = 256, earlyStopping, metrics = [], validation } = options;
  if (epochs !== Number.POSITIVE_INFINITY) count(epochs, "epochs");
  count(evaluationBatchSize, "evaluationBatchSize", 1);
  for (const metric of metrics) metricOf(metric);
  if (metrics.length > 0 && (validation === undefined || validation === 0)) {
    throw badArgument("metrics", "asked for together with validation rows, on which they are computed", metrics);
  }
  if (typeof validation === "object") checkOptions("validation", validation, dataOptions);
  if (earlyStopping === undefined) return;
  checkOptions("earlyStopping", earlyStopping, stopOptions);
  const { monitor = "loss", patience = 3, mode = "min" } = earlyStopping;
  count(patience, "patience", 1);
  oneOf(mode, "mode", ["min", "max"]);
  oneOf(monitor, "monitor", ["loss", "accuracy", ...metrics.map((m) => metricOf(m).name)]);
}

/** @internal The same for `evaluate`. */
export function checkEvaluate(data: TrainingData, options: EvaluateOptions): void {
  checkOptions("evaluate's data", data, dataOptions);
  checkOptions("evaluate", options, { metrics: "array", batchSize: "any" });
  count(options.batchSize ?? 256, "batchSize", 1);
}
