/** Layers, what is made of them, and losses. */

import { byteRow, core, must, told } from "../crossing.js";
import { fileRows } from "../file.js";
import { encode } from "../wire.js";
import { CoreModule } from "./core-module.js";

export { type FeatureMismatch, parallel, residual, sequential } from "./containers.js";
export { CoreModule, type Spec } from "./core-module.js";
export * from "./layers.js";
export {
  bceWithLogits,
  crossEntropy,
  huber,
  type Labels,
  type LossName,
  type LossOptions,
  type LossSpec,
  l1,
  mse,
  nll,
  type Reduction,
  smoothL1,
} from "./loss.js";
export {
  type Features,
  Module,
  Parameter,
  type PredictOptions,
  parameter,
  type Role,
} from "./module.js";
export { readState, type State, type StateReport, type StateValue } from "./state.js";
export type { SummaryRow } from "./summary.js";

/** Rebuilds a model from the file that `save()` gave: values and architecture. It comes in eval mode. */
export function load(bytes: Uint8Array): CoreModule {
  return new CoreModule(must(core.loadModel(...fileRows(bytes))));
}

/** Mean and biased variance of `count` values in each channel. */
export interface BatchStatistics {
  readonly count: number;
  readonly mean: readonly number[];
  readonly var: readonly number[];
}

/** Statistics of all parts taken together (Chan et al. 1983): what separate trainings have seen, for one. */
export function mergeStatistics(parts: readonly BatchStatistics[]): BatchStatistics {
  must(core.mergeStatistics(byteRow(encode(parts))));
  return told();
}
