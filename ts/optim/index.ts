/** Optimizers: settings for a Trainer, and what trains by hand. */
export { clipGradNorm, clipGradValue, type ParameterGroup, type Trainable } from "./optimizer.js";
export * from "./specs.js";
