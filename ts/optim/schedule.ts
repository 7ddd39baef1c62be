/** Learning-rate schedules: PyTorch's, as plain settings. They move once an epoch unless `every` is `"step"`. */

import { badArgument, checkOptions, type Options, oneOf } from "../check.js";

interface Timed {
  /** Whether it moves after each epoch (the default, but for one-cycle) or after each update. */
  readonly every?: "epoch" | "step";
}

/** Settings of a schedule. */
export interface ScheduleSpec extends Timed {
  readonly type: string;
}

/** The settings of each schedule. */
const known: Record<string, Options> = {
  step: { stepSize: "number", gamma: "number" },
  multiStep: { milestones: "array", gamma: "number" },
  exponential: { gamma: "number" },
  cosine: { tMax: "number", etaMin: "number" },
  cosineRestarts: { t0: "number", tMult: "number", etaMin: "number" },
  linear: { startFactor: "number", endFactor: "number", totalIters: "number" },
  constant: { factor: "number", totalIters: "number" },
  polynomial: { totalIters: "number", power: "number" },
  oneCycle: {
    maxLr: "number",
    totalSteps: "number",
    pctStart: "number",
    annealStrategy: "string",
    divFactor: "number",
    finalDivFactor: "number",
    threePhase: "boolean",
    cycleMomentum: "boolean",
    baseMomentum: "number",
    maxMomentum: "number",
  },
  plateau: {
    mode: "string",
    factor: "number",
    patience: "number",
    threshold: "number",
    thresholdMode: "string",
    cooldown: "number",
    minLr: "number",
    eps: "number",
  },
  sequential: { of: "array", milestones: "array" },
};

/** What a name may be. */
const names: Record<string, readonly string[]> = {
  every: ["epoch", "step"],
  annealStrategy: ["cos", "linear"],
  mode: ["min", "max"],
  thresholdMode: ["rel", "abs"],
};

/** Counts of steps or epochs. */
const counts = ["stepSize", "tMax", "t0", "tMult", "totalIters", "totalSteps", "patience", "cooldown"];

function make(type: string, options: object): ScheduleSpec {
  checkOptions(`schedule.${type}`, options, { ...known[type], every: "string" });
  for (const key of ["milestones", "of"]) {
    if (known[type]?.[key] !== undefined && !(key in options)) throw badArgument(key, "given", undefined);
  }
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (names[key] !== undefined) oneOf(value, key, names[key]);
    const whole = key === "milestones" ? (value as unknown[]) : counts.includes(key) ? [value] : [];
    if (!whole.every((n) => Number.isInteger(n) && (n as number) >= 0)) {
      throw badArgument(
        key,
        Array.isArray(value) ? "whole numbers of at least 0" : "a whole number of at least 0",
        value,
      );
    }
  }
  return { type, ...options };
}

/** lr·gamma^⌊t/stepSize⌋; gamma 0.1. */
export const step = (options: Timed & { readonly stepSize: number; readonly gamma?: number }): ScheduleSpec =>
  make("step", options);
/** lr·gamma^(milestones passed); gamma 0.1. */
export const multiStep = (
  options: Timed & { readonly milestones: readonly number[]; readonly gamma?: number },
): ScheduleSpec => make("multiStep", options);
/** lr·gamma^t. */
export const exponential = (options: Timed & { readonly gamma: number }): ScheduleSpec => make("exponential", options);
/** Down along a half cosine over tMax to etaMin (Loshchilov & Hutter 2017). */
export const cosine = (options: Timed & { readonly tMax: number; readonly etaMin?: number }): ScheduleSpec =>
  make("cosine", options);
/** Cosine with restarts after t0, then t0·tMult, ... */
export const cosineRestarts = (
  options: Timed & { readonly t0: number; readonly tMult?: number; readonly etaMin?: number },
): ScheduleSpec => make("cosineRestarts", options);
/** lr times a factor that goes straight from startFactor (1/3) to endFactor (1) over totalIters (5): a warm-up. */
export const linear = (
  options: Timed & { readonly startFactor?: number; readonly endFactor?: number; readonly totalIters?: number } = {},
): ScheduleSpec => make("linear", options);
/** lr·factor (1/3) for totalIters (5), then lr. */
export const constant = (
  options: Timed & { readonly factor?: number; readonly totalIters?: number } = {},
): ScheduleSpec => make("constant", options);
/** lr·(1 − t/totalIters)^power. */
export const polynomial = (
  options: Timed & { readonly totalIters?: number; readonly power?: number } = {},
): ScheduleSpec => make("polynomial", options);
/** Up to maxLr and down once over totalSteps updates, momentum the other way (Smith & Topin 2018). */
export const oneCycle = (
  options: Timed & {
    readonly maxLr: number;
    readonly totalSteps: number;
    readonly pctStart?: number;
    readonly annealStrategy?: "cos" | "linear";
    readonly divFactor?: number;
    readonly finalDivFactor?: number;
    readonly threePhase?: boolean;
    readonly cycleMomentum?: boolean;
    readonly baseMomentum?: number;
    readonly maxMomentum?: number;
  },
): ScheduleSpec => make("oneCycle", { every: "step", ...options });
/** lr·factor (0.1) whenever a metric has not improved for `patience` (10) epochs; fit watches the validation loss. */
export const plateau = (
  options: Timed & {
    readonly mode?: "min" | "max";
    readonly factor?: number;
    readonly patience?: number;
    readonly threshold?: number;
    readonly thresholdMode?: "rel" | "abs";
    readonly cooldown?: number;
    readonly minLr?: number;
    readonly eps?: number;
  } = {},
): ScheduleSpec => make("plateau", options);
/** Schedules one after the other, the second from milestones[0] on, and so forth: a warm-up before a cosine. */
export const sequential = (
  of: readonly ScheduleSpec[],
  milestones: readonly number[],
  options: Timed = {},
): ScheduleSpec => make("sequential", { of, milestones, ...options });
