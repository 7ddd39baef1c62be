/** Optimizers and schedules as plain settings, which a Trainer or an Optimizer takes. */

import { checkOptions, finite, type Options } from "../check.js";
import { snake } from "../messages.js";

/** What all optimizers share. */
interface Common {
  /** Learning rate. */
  readonly lr?: number;
  /** Weight decay; of weights alone, unless `decayAll`. */
  readonly weightDecay?: number;
  /** Whether weight decay also reaches biases and the scale and shift of normalisation, as PyTorch's does. */
  readonly decayAll?: boolean;
  /** Goes up instead of down. */
  readonly maximize?: boolean;
}

interface AdamOptions extends Common {
  /** Decay of the first and second moment; [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the root of the second moment; 1e-8. */
  readonly eps?: number;
}

/** Settings of an optimizer. */
export interface OptimizerSpec {
  /** Its name. */
  readonly type: "sgd" | "adam" | "adamw" | "rmsprop" | "adagrad" | "adadelta" | "adamax" | "nadam" | "radam";
  /** Its settings, in the core's spelling. */
  readonly settings: Readonly<Record<string, number | boolean>>;
}

/** The settings of each optimizer. Not a constant: bundlers keep what is spread into one. */
function known(): Record<OptimizerSpec["type"], Options> {
  const common: Options = { lr: "number", weightDecay: "number", decayAll: "boolean", maximize: "boolean" };
  const adams: Options = { ...common, betas: "array", eps: "number" };
  return {
    sgd: { ...common, momentum: "number", dampening: "number", nesterov: "boolean" },
    adam: { ...adams, amsgrad: "boolean" },
    adamw: { ...adams, amsgrad: "boolean" },
    rmsprop: { ...common, alpha: "number", eps: "number", momentum: "number", centered: "boolean" },
    adagrad: { ...common, lrDecay: "number", initialAccumulatorValue: "number", eps: "number" },
    adadelta: { ...common, rho: "number", eps: "number" },
    adamax: adams,
    nadam: { ...adams, momentumDecay: "number", decoupledWeightDecay: "boolean" },
    radam: { ...adams, decoupledWeightDecay: "boolean" },
  };
}

function spec(type: OptimizerSpec["type"], options: object): OptimizerSpec {
  checkOptions(type, options, known()[type]);
  const settings: Record<string, number | boolean> = {};
  for (const [key, value] of Object.entries(options) as [string, number | boolean | readonly number[] | undefined][]) {
    if (value === undefined) continue;
    if (key === "betas") {
      const [beta1, beta2] = value as readonly number[];
      settings["beta1"] = finite(beta1, "betas[0]");
      settings["beta2"] = finite(beta2, "betas[1]");
    } else settings[key === "decoupledWeightDecay" ? "decoupled" : snake(key)] = value as number | boolean;
  }
  return { type, settings };
}

/** Stochastic gradient descent; lr 0.001, no momentum. */
export const sgd = (
  options: Common & { readonly momentum?: number; readonly dampening?: number; readonly nesterov?: boolean } = {},
): OptimizerSpec => spec("sgd", options);
/** Adam (Kingma & Ba 2015); lr 0.001. With `amsgrad` the second moment never falls (Reddi et al. 2018). */
export const adam = (options: AdamOptions & { readonly amsgrad?: boolean } = {}): OptimizerSpec =>
  spec("adam", options);
/** Adam with decoupled weight decay (Loshchilov & Hutter 2019); weightDecay 0.01. */
export const adamw = (options: AdamOptions & { readonly amsgrad?: boolean } = {}): OptimizerSpec =>
  spec("adamw", options);
/** RMSprop (Hinton 2012); lr 0.01, alpha 0.99. */
export const rmsprop = (
  options: Common & {
    readonly alpha?: number;
    readonly eps?: number;
    readonly momentum?: number;
    readonly centered?: boolean;
  } = {},
): OptimizerSpec => spec("rmsprop", options);
/** Adagrad (Duchi et al. 2011); lr 0.01. */
export const adagrad = (
  options: Common & {
    readonly lrDecay?: number;
    readonly initialAccumulatorValue?: number;
    readonly eps?: number;
  } = {},
): OptimizerSpec => spec("adagrad", options);
/** Adadelta (Zeiler 2012); lr 1, rho 0.9. */
export const adadelta = (options: Common & { readonly rho?: number; readonly eps?: number } = {}): OptimizerSpec =>
  spec("adadelta", options);
/** Adamax (Kingma & Ba 2015); lr 0.002. */
export const adamax = (options: AdamOptions = {}): OptimizerSpec => spec("adamax", options);
/** Adam with Nesterov momentum (Dozat 2016); lr 0.002. */
export const nadam = (
  options: AdamOptions & { readonly momentumDecay?: number; readonly decoupledWeightDecay?: boolean } = {},
): OptimizerSpec => spec("nadam", options);
/** Rectified Adam (Liu et al. 2020); lr 0.001. */
export const radam = (options: AdamOptions & { readonly decoupledWeightDecay?: boolean } = {}): OptimizerSpec =>
  spec("radam", options);
