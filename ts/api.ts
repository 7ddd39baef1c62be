/** Everything people import, but for `init`, which differs by host. */
export {
  backend,
  type InitOptions,
  isReady,
  type Memory,
  memory,
  trimMemory,
  type Warning,
  warnings,
} from "./core.js";
export { EvenkeelError } from "./errors.js";
export { scope } from "./handle.js";
export type { FeatureMismatch } from "./nn/containers.js";
export * as nn from "./nn/index.js";
// By itself as well: bundlers keep all of a namespace, and who only predicts needs no more than this.
export { load } from "./nn/index.js";
export { Module, Parameter } from "./nn/module.js";
export type { State, StateReport, StateValue } from "./nn/state.js";
export * as optim from "./optim/index.js";
export { Optimizer, Scheduler } from "./optim/optimizer.js";
export * as schedule from "./optim/schedule.js";
export type { Backend, MathMode } from "./runtime/builds.js";
export type { WasmSource } from "./runtime/source.js";
export {
  arange,
  concat,
  eye,
  full,
  linspace,
  manualSeed,
  noGrad,
  oneHot,
  ones,
  rand,
  randint,
  randn,
  type Seed,
  stack,
  tensor,
  where,
  zeros,
} from "./tensor/create.js";
export type { Axes, NestedArray, NumericArray, Shaped } from "./tensor/input.js";
export { Indices, indices, Tensor, type TensorLike } from "./tensor/tensor.js";
export * from "./train/index.js";
export * as metrics from "./train/metrics.js";
