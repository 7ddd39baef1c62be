/** What `fit` and `evaluate` take and give. */

import type { TrainingData } from "./data.js";
import type { EarlyStopping } from "./early-stop.js";
import type { Metric, MetricName } from "./metrics.js";
import type { StepResult } from "./trainer.js";

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
