/** Training loops, metrics. */
export type { TrainingData } from "./data.js";
export type { EarlyStopping } from "./early-stop.js";
export type {
  ArrayOptions,
  Batches,
  EpochResult,
  EvaluateOptions,
  Evaluation,
  FitOptions,
  StepInfo,
  StreamOptions,
} from "./fit.js";
export { type ClipOptions, type CustomLoss, type StepResult, Trainer, type TrainerOptions } from "./trainer.js";
