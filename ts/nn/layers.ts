/** The layers, one function each. Options are PyTorch's, in camelCase, with PyTorch's defaults. */
import { call } from "../core.js";
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

const snake = (name: string): string => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

function initSpec(init: Init): unknown {
  if (typeof init === "string") return snake(init);
  const i = init as Record<string, number | string | undefined>;
  const name = init.name;
  const numbers: Record<string, (number | string | undefined)[]> = {
    xavierUniform: [i["gain"] ?? 1],
    xavierNormal: [i["gain"] ?? 1],
    orthogonal: [i["gain"] ?? 1],
    truncNormal: [i["mean"] ?? 0, i["std"] ?? 1, i["a"] ?? -2, i["b"] ?? 2],
    normal: [i["mean"] ?? 0, i["std"] ?? 1],
    uniform: [i["a"] ?? 0, i["b"] ?? 1],
    constant: [i["value"]],
  };
  return {
    name: snake(name),
    values: numbers[name] ?? [i["a"] ?? 0],
    ...(i["mode"] === undefined ? {} : { mode: snake(String(i["mode"])) }),
    ...(i["nonlinearity"] === undefined ? {} : { nonlinearity: snake(String(i["nonlinearity"])) }),
  };
}

const make = <M extends CoreModule>(spec: Spec): M => new CoreModule(build(spec)) as unknown as M;

/** Only the settings that were given, in the core's spelling. */
function given(options: object): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options)) if (value !== undefined) out[snake(key)] = value;
  return out;
}

/**
 * Fully connected layer: y = x·Wᵀ + b, x `[.., inFeatures]`, y `[.., outFeatures]`. Initial values are PyTorch's
 * (uniform in ±1/√inFeatures) unless `init` says otherwise; with another init the bias starts at 0.
 */
export function dense<const In extends number, const Out extends number>(
  inFeatures: In,
  outFeatures: Out,
  { bias = true, init }: { bias?: boolean; init?: Init } = {},
): CoreModule<In, Out> {
  const spec = { type: "linear", in_features: inFeatures, out_features: outFeatures, bias };
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

/**
 * Batch normalisation (Ioffe & Szegedy 2015) over `[N, C]`, `[N, C, L]` or `[N, C, H, W]`. Training: the batch's mean
 * and biased variance; eval or frozen: the running ones.
 */
export function batchNorm<const F extends number>(features: F, options: BatchNormOptions = {}): CoreModule<F, F> {
  return make({ type: "batch_norm", features, ...given(options) });
}

/** Feature normalisation: (x − mean)/std by the statistics of a data set, taken once by {@link FeatureNorm.adapt}. */
export class FeatureNorm<F extends number = number> extends CoreModule<F, F> {
  /** Takes mean and (population) standard deviation of `x`, `[.., features]`; they are then part of the model. */
  adapt(x: TensorLike): this {
    const data = takeTensor(x, "x");
    try {
      call(() => this.core.adapt(data));
    } finally {
      data.free();
    }
    return this;
  }
}

/** Feature normalisation over the last axis. */
export function featureNorm<const F extends number>(features: F): FeatureNorm<F> {
  return new FeatureNorm<F>(build({ type: "feature_norm", features }));
}

/** Dropout (Srivastava et al. 2014): in training each value is 0 with probability p, else divided by 1 − p. */
export function dropout(p = 0.5): CoreModule<"same", "same"> {
  return make({ type: "dropout", p });
}

/** Joins all axes from `startDim` (1) on. */
export function flatten(startDim = 1): CoreModule<number, number> {
  return make({ type: "flatten", start_dim: startDim });
}

type Activation = CoreModule<"same", "same">;
const activation = (type: string, options: object = {}): Activation => make({ type, ...given(options) });

/** max(x, 0) */
export const relu = (): Activation => activation("relu");
/** min(max(x, 0), 6) */
export const relu6 = (): Activation => activation("relu6");
/** x, or negativeSlope·x below 0. */
export const leakyRelu = (negativeSlope = 0.01): Activation => activation("leaky_relu", { negativeSlope });
/** x, or alpha·(e^x − 1) below 0 (Clevert et al. 2016). */
export const elu = (alpha = 1): Activation => activation("elu", { alpha });
/** Self-normalising ELU (Klambauer et al. 2017). */
export const selu = (): Activation => activation("selu");
/** x·Φ(x) (Hendrycks & Gimpel 2016), exact by erf or by the tanh approximation. */
export const gelu = ({ approximate = "none" }: { approximate?: "none" | "tanh" } = {}): Activation =>
  activation("gelu", { approximate });
/** x·sigmoid(x), also called swish. */
export const silu = (): Activation => activation("silu");
/** x·tanh(softplus(x)) (Misra 2020). */
export const mish = (): Activation => activation("mish");
/** 1/(1 + e^−x) */
export const sigmoid = (): Activation => activation("sigmoid");
/** Hyperbolic tangent. */
export const tanh = (): Activation => activation("tanh");
/** ln(1 + e^(beta·x))/beta; x itself above threshold. */
export const softplus = ({ beta = 1, threshold = 20 }: { beta?: number; threshold?: number } = {}): Activation =>
  activation("softplus", { beta, threshold });
/** x/(1 + |x|) */
export const softsign = (): Activation => activation("softsign");
/** x·relu6(x + 3)/6 (Howard et al. 2019). */
export const hardswish = (): Activation => activation("hardswish");
/** relu6(x + 3)/6 */
export const hardsigmoid = (): Activation => activation("hardsigmoid");
/** x limited to minVal..maxVal. */
export const hardtanh = ({ minVal = -1, maxVal = 1 }: { minVal?: number; maxVal?: number } = {}): Activation =>
  activation("hardtanh", { minVal, maxVal });
/** ln sigmoid(x) */
export const logsigmoid = (): Activation => activation("logsigmoid");
/** e^x / Σ e^x along an axis (the last). */
export const softmax = (dim = -1): Activation => activation("softmax", { dim });
/** x − ln Σ e^x along an axis (the last). */
export const logSoftmax = (dim = -1): Activation => activation("log_softmax", { dim });
