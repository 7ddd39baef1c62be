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
export type { ClipOptions, CustomLoss, StepResult, TrainerOptions } from "./options.js";
export { Trainer } from "./trainer.js";
