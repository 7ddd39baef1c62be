/** The layers, one function each. Options are PyTorch's, in camelCase, with PyTorch's defaults. */
import { badArgument, checkOptions, count, finite, type Options, oneOf, whole } from "../check.js";
import { core, must, release } from "../crossing.js";
import { snake } from "../messages.js";
import { type TensorLike, takeTensor } from "../tensor/tensor.js";
import { build, CoreModule, type Spec } from "./core-module.js";

/** How weights start. Kaiming's (He et al. 2015), Xavier's (Glorot & Bengio 2010), LeCun's, orthogonal (Saxe et al. 2014). */
export type Init =
  | "kaimingUniform"
  | "kaimingNormal"
  | "xavierUniform"
  | "xavierNormal"
  | "lecunUniform"
  | "lecunNormal"
  | "orthogonal"
  | "zeros"
  | "ones"
  | "torchLinear"
  | {
      readonly name: "kaimingUniform" | "kaimingNormal";
      /** Slope of a leaky rectifier; 0. */
      readonly a?: number;
      readonly mode?: "fanIn" | "fanOut";
      readonly nonlinearity?: "linear" | "sigmoid" | "tanh" | "relu" | "leakyRelu" | "selu";
    }
  | { readonly name: "xavierUniform" | "xavierNormal" | "orthogonal"; readonly gain?: number }
  | {
      readonly name: "truncNormal";
      readonly mean?: number;
      readonly std?: number;
      readonly a?: number;
      readonly b?: number;
    }
  | { readonly name: "normal"; readonly mean?: number; readonly std?: number }
  | { readonly name: "uniform"; readonly a?: number; readonly b?: number }
  | { readonly name: "constant"; readonly value: number };

/** The numbers of each initialisation, in the core's order, with their defaults. */
const initNumbers: Record<string, Record<string, number>> = {
  kaimingUniform: { a: 0 },
  kaimingNormal: { a: 0 },
  xavierUniform: { gain: 1 },
  xavierNormal: { gain: 1 },
  orthogonal: { gain: 1 },
  truncNormal: { mean: 0, std: 1, a: -2, b: 2 },
  normal: { mean: 0, std: 1 },
  uniform: { a: 0, b: 1 },
  constant: { value: Number.NaN },
};

const plainInits = ["lecunUniform", "lecunNormal", "zeros", "ones", "torchLinear"] as const;
const nonlinearities = ["linear", "sigmoid", "tanh", "relu", "leakyRelu", "selu"] as const;
const withoutSettings = Object.keys(initNumbers).filter((name) => name !== "constant");

function initSpec(init: Init): unknown {
  if (typeof init === "string") return snake(oneOf(init, "init", [...withoutSettings, ...plainInits]));
  const { name, ...settings } = init as Record<string, unknown>;
  const numbers = initNumbers[oneOf(name, "init's name", Object.keys(initNumbers))] as Record<string, number>;
  const isKaiming = String(name).startsWith("kaiming");
  const known: [string, "any"][] = [...Object.keys(numbers), ...(isKaiming ? ["mode", "nonlinearity"] : [])].map(
    (key) => [key, "any"],
  );
  checkOptions(`init ${name}`, settings, Object.fromEntries(known));
  const { mode, nonlinearity } = settings;
  return {
    name: snake(name as string),
    values: Object.entries(numbers).map(([key, usual]) => finite(settings[key] ?? usual, `init's ${key}`)),
    ...(mode === undefined ? {} : { mode: snake(oneOf(mode, "init's mode", ["fanIn", "fanOut"])) }),
    ...(nonlinearity === undefined
      ? {}
      : { nonlinearity: snake(oneOf(nonlinearity, "init's nonlinearity", nonlinearities)) }),
  };
}

const make = <M extends CoreModule>(spec: Spec): M => new CoreModule(build(spec)) as unknown as M;

/** Only the settings that were given, checked, in the core's spelling. */
function given(owner: string, options: object, known: Options): Record<string, unknown> {
  checkOptions(owner, options, known);
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options)) if (value !== undefined) out[snake(key)] = value;
  return out;
}

/** Options of {@link dense}. */
export interface DenseOptions {
  /** Whether there is b; true. */
  readonly bias?: boolean;
  /** How the weights start; as in PyTorch. */
  readonly init?: Init;
}

/**
 * Fully connected layer: y = x·Wᵀ + b, x `[.., inFeatures]`, y `[.., outFeatures]`. Initial values are PyTorch's
 * (uniform in ±1/√inFeatures) unless `init` says otherwise; with another init the bias starts at 0.
 */
export function dense<const In extends number, const Out extends number>(
  inFeatures: In,
  outFeatures: Out,
  options: DenseOptions = {},
): CoreModule<In, Out> {
  checkOptions("dense", options, { bias: "boolean", init: "any" });
  const { bias = true, init } = options;
  const spec = {
    type: "linear",
    in_features: count(inFeatures, "inFeatures", 1),
    out_features: count(outFeatures, "outFeatures", 1),
    bias,
  };
  return make(init === undefined ? spec : { ...spec, init: initSpec(init) });
}

/** Options of {@link batchNorm}. */
export interface BatchNormOptions {
  /** Added to the variance; 1e-5 (1e-3 in Keras' convention, 0 in the lecture's). */
  readonly eps?: number;
  /** Weight of the new value in the running averages, PyTorch's sense; 0.1. `null`: the cumulative average. */
  readonly momentum?: number | null;
  /** Weight of the old value (Keras' momentum, the lecture's p): 1 − momentum. Never together with `momentum`. */
  readonly decay?: number;
  /** Whether there are γ and β. */
  readonly affine?: boolean;
  /** Whether there is γ; as `affine` by default. */
  readonly scale?: boolean;
  /** Whether there is β; as `affine` by default. */
  readonly shift?: boolean;
  /** Whether running statistics are kept; without them eval uses the batch's. */
  readonly trackRunningStats?: boolean;
  /** Which variance the running average stores; unbiased, as PyTorch. */
  readonly variance?: "unbiased" | "biased";
  /** Which statistics normalise: by mode, always the batch's, always the running ones. */
  readonly statistics?: "auto" | "batch" | "running";
  /** Sets eps, momentum and variance together; single options still override. `lecture` averages σ from the first batch on. */
  readonly convention?: "torch" | "keras" | "lecture";
}

const batchNormOptions: Options = {
  eps: "number",
  momentum: "number or null",
  decay: "number",
  affine: "boolean",
  scale: "boolean",
  shift: "boolean",
  trackRunningStats: "boolean",
  variance: "string",
  statistics: "string",
  convention: "string",
};

/**
 * Batch normalisation (Ioffe & Szegedy 2015) over `[N, C]`, `[N, C, L]` or `[N, C, H, W]`. Training: the batch's mean
 * and biased variance; eval or frozen: the running ones.
 */
export function batchNorm<const F extends number>(features: F, options: BatchNormOptions = {}): CoreModule<F, F> {
  count(features, "features", 1);
  const settings = given("batchNorm", options, batchNormOptions);
  const { decay } = options;
  if (decay !== undefined && !(decay >= 0 && decay <= 1)) throw badArgument("decay", "between 0 and 1", decay);
  if (decay !== undefined && options.momentum === undefined) {
    // 1 − 0.99 is 0.010000000000000009, which the core's reader of JSON does not give back to the last bit: 0.01.
    settings["momentum"] = Number((1 - decay).toPrecision(12));
    delete settings["decay"];
  }
  return make({ type: "batch_norm", features, ...settings });
}

/** Feature normalisation: (x − mean)/std by the statistics of a data set, taken once by {@link FeatureNorm.adapt}. */
export class FeatureNorm<F extends number = number> extends CoreModule<F, F> {
  /**
   * Takes mean and (population) standard deviation of `x`, `[.., features]`; they are then part of the model. With
   * `std: "shared"` all features are divided by one number, the root of their mean variance: for features that hardly
   * ever vary (pixels at the border of images), which a standard deviation of their own would blow up.
   */
  adapt(x: TensorLike, { std = "each" }: { readonly std?: "each" | "shared" } = {}): this {
    oneOf(std, "std", ["each", "shared"]);
    const data = takeTensor(x, "x");
    try {
      must(core.adapt(this.id, data, Number(std === "shared")));
    } finally {
      release(data);
    }
    return this;
  }
}

/** Feature normalisation over the last axis. */
export function featureNorm<const F extends number>(features: F): FeatureNorm<F> {
  return new FeatureNorm<F>(build({ type: "feature_norm", features: count(features, "features", 1) }));
}

/** Dropout (Srivastava et al. 2014): in training each value is 0 with probability p, else divided by 1 − p. */
export function dropout(p = 0.5): CoreModule<"same", "same"> {
  return make({ type: "dropout", p: finite(p, "p") });
}

/** Joins all axes from `startDim` (1) on. */
export function flatten(startDim = 1): CoreModule<number, number> {
  return make({ type: "flatten", start_dim: count(startDim, "startDim") });
}

type Activation = CoreModule<"same", "same">;
const activation = (type: string, settings: object = {}): Activation => make({ type, ...settings });

/** max(x, 0) */
export const relu = (): Activation => activation("relu");
/** min(max(x, 0), 6) */
export const relu6 = (): Activation => activation("relu6");
/** x, or negativeSlope·x below 0. */
export const leakyRelu = (negativeSlope = 0.01): Activation =>
  activation("leaky_relu", { negative_slope: finite(negativeSlope, "negativeSlope") });
/** x, or alpha·(e^x − 1) below 0 (Clevert et al. 2016). */
export const elu = (alpha = 1): Activation => activation("elu", { alpha: finite(alpha, "alpha") });
/** Self-normalising ELU (Klambauer et al. 2017). */
export const selu = (): Activation => activation("selu");
/** x·Φ(x) (Hendrycks & Gimpel 2016), exact by erf or by the tanh approximation. */
export const gelu = (options: { readonly approximate?: "none" | "tanh" } = {}): Activation =>
  activation("gelu", given("gelu", options, { approximate: "string" }));
/** x·sigmoid(x), also called swish. */
export const silu = (): Activation => activation("silu");
/** x·tanh(softplus(x)) (Misra 2020). */
export const mish = (): Activation => activation("mish");
/** 1/(1 + e^−x) */
export const sigmoid = (): Activation => activation("sigmoid");
/** Hyperbolic tangent. */
export const tanh = (): Activation => activation("tanh");
/** ln(1 + e^(beta·x))/beta, with beta 1; x itself where beta·x is above threshold (20). */
export const softplus = (options: { readonly beta?: number; readonly threshold?: number } = {}): Activation =>
  activation("softplus", given("softplus", options, { beta: "number", threshold: "number" }));
/** x/(1 + |x|) */
export const softsign = (): Activation => activation("softsign");
/** x·relu6(x + 3)/6 (Howard et al. 2019). */
export const hardswish = (): Activation => activation("hardswish");
/** relu6(x + 3)/6 */
export const hardsigmoid = (): Activation => activation("hardsigmoid");
/** x limited to minVal..maxVal (−1..1). */
export const hardtanh = (options: { readonly minVal?: number; readonly maxVal?: number } = {}): Activation =>
  activation("hardtanh", given("hardtanh", options, { minVal: "number", maxVal: "number" }));
/** ln sigmoid(x) */
export const logsigmoid = (): Activation => activation("logsigmoid");
/** e^x / Σ e^x along an axis (the last). */
export const softmax = (dim = -1): Activation => activation("softmax", { dim: whole(dim, "dim") });
/** x − ln Σ e^x along an axis (the last). */
export const logSoftmax = (dim = -1): Activation => activation("log_softmax", { dim: whole(dim, "dim") });
