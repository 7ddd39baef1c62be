/** Which kind of golden file is run by what, and which kinds are of later issues. */
import { readFileSync } from "node:fs";
import { activation, linear, matmul } from "./layers.js";
import { loss } from "./loss.js";
import { batchNorm, batchNormError, featureNorm, fold, keras, lecture, population, sequence } from "./norm.js";
import { clipNorm, clipValue, init, optimizer } from "./optim.js";
import type { Run } from "./run.js";
import { schedule } from "./schedule.js";
import { mlp } from "./train.js";

/** Kinds whose layers come with later issues: one list for both runners. */
export const deferred: ReadonlySet<string> = new Set(
  JSON.parse(readFileSync(new URL("../../deferred-kinds.json", import.meta.url), "utf8")) as string[],
);

type Runner = (run: Run) => void | Promise<void>;

const runners: Readonly<Record<string, Runner>> = {
  batchnorm1d: batchNorm,
  batchnorm2d: batchNorm,
  batchnorm_error: batchNormError,
  batchnorm_keras: keras,
  batchnorm_sequence: sequence,
  bce_with_logits: loss,
  bn_fold_linear: fold,
  clip_grad_norm: clipNorm,
  clip_grad_value: clipValue,
  cross_entropy: loss,
  cross_entropy_prob: loss,
  feature_normalization: featureNorm,
  huber: loss,
  init,
  l1: loss,
  lecture_moving_average: lecture,
  linear,
  lr_scheduler: schedule,
  matmul,
  mse: loss,
  nll: loss,
  paper_algorithm2: population,
  smooth_l1: loss,
  train_mlp: mlp,
};

/** What runs a file of this kind; `undefined` for a kind that nobody knows. */
export function runnerOf(op: string): Runner | undefined {
  if (op.startsWith("activation_")) return activation;
  if (op.startsWith("optimizer_")) return optimizer;
  return runners[op];
}
