/** Metrics: functions of a model's outputs and the targets, computed on validation or evaluation data. */
import { count, oneOf } from "../check.js";
import { EvenkeelError } from "../errors.js";

/** What a metric sees: outputs and targets of all rows. */
export interface MetricInput {
  /** Outputs, row after row. */
  readonly outputs: Float32Array;
  /** Numbers a row. */
  readonly width: number;
  /** Number of rows. */
  readonly rows: number;
  /** Class labels, where the targets are classes. */
  readonly labels: Int32Array | undefined;
  /** Target values, where they are not. */
  readonly values: Float32Array | undefined;
}

/** A metric: its name in results, and how it is computed. */
export interface Metric {
  readonly name: string;
  readonly compute: (input: MetricInput) => number;
}

/** Names of metrics without settings. */
export type MetricName = "accuracy" | "precision" | "recall" | "f1" | "mse" | "mae" | "r2";

function classes({ outputs, width, rows, labels, values }: MetricInput): {
  predicted: Int32Array;
  actual: Int32Array;
  count: number;
} {
  const binary = width === 1;
  const best = (data: Float32Array, row: number): number => {
    if (binary) return (data[row] as number) > 0 ? 1 : 0;
    let at = 0;
    for (let j = 1; j < width; j++) if ((data[row * width + j] as number) > (data[row * width + at] as number)) at = j;
    return at;
  };
  const predicted = Int32Array.from({ length: rows }, (_, r) => best(outputs, r));
  const actual =
    labels ??
    Int32Array.from({ length: rows }, (_, r) =>
      binary ? Number((values?.[r] ?? 0) > 0.5) : best(values as Float32Array, r),
    );
  return { predicted, actual, count: binary ? 2 : width };
}

function confusionOf(input: MetricInput): { matrix: Float64Array; count: number } {
  const { predicted, actual, count } = classes(input);
  const matrix = new Float64Array(count * count);
  for (let r = 0; r < input.rows; r++) {
    const cell = (actual[r] as number) * count + (predicted[r] as number);
    matrix[cell] = (matrix[cell] as number) + 1;
  }
  return { matrix, count };
}

/** Precision, recall and F1 of each class; 0 where they are 0/0. */
function perClass(input: MetricInput): { precision: number; recall: number; f1: number }[] {
  const { matrix, count } = confusionOf(input);
  return Array.from({ length: count }, (_, c) => {
    let predicted = 0;
    let actual = 0;
    for (let i = 0; i < count; i++) {
      predicted += matrix[i * count + c] as number;
      actual += matrix[c * count + i] as number;
    }
    const hits = matrix[c * count + c] as number;
    const precision = predicted === 0 ? 0 : hits / predicted;
    const recall = actual === 0 ? 0 : hits / actual;
    const sum = precision + recall;
    return { precision, recall, f1: sum === 0 ? 0 : (2 * precision * recall) / sum };
  });
}

/** The positive class for one output, the mean over classes (macro) for several. */
function averaged(key: "precision" | "recall" | "f1"): (input: MetricInput) => number {
  return (input) => {
    const all = perClass(input);
    if (input.width === 1) return (all[1] as { precision: number; recall: number; f1: number })[key];
    return all.reduce((sum, c) => sum + c[key], 0) / all.length;
  };
}

function targets({ values, labels, outputs }: MetricInput): ArrayLike<number> {
  const t = values ?? labels;
  if (t === undefined || t.length !== outputs.length) {
    throw new EvenkeelError(
      "BAD_ARGUMENT",
      `This metric compares values, one for each output: there are ${outputs.length} outputs and ${
        values === undefined ? `${labels?.length ?? 0} class labels` : `${values.length} target values`
      }.`,
      { argument: "metrics", outputs: outputs.length, targets: t?.length ?? 0 },
    );
  }
  return t;
}

function meanOf(input: MetricInput, f: (difference: number) => number): number {
  const t = targets(input);
  let sum = 0;
  for (let i = 0; i < t.length; i++) sum += f((input.outputs[i] as number) - (t[i] as number));
  return sum / t.length;
}

/** Share of right classes. */
export const accuracy: Metric = {
  name: "accuracy",
  compute: (input) => {
    const { predicted, actual } = classes(input);
    let hits = 0;
    for (let r = 0; r < input.rows; r++) if (predicted[r] === actual[r]) hits++;
    return hits / input.rows;
  },
};

/** Share of rows whose class is among the k largest outputs. */
export const topK = (k: number): Metric => ({
  name: `top${count(k, "k", 1)}`,
  compute: (input) => {
    const { actual } = classes(input);
    let hits = 0;
    for (let r = 0; r < input.rows; r++) {
      const row = input.outputs.subarray(r * input.width, (r + 1) * input.width);
      const own = row[actual[r] as number] as number;
      if (row.reduce((above, v) => above + Number(!(v <= own)), 0) < k) hits++;
    }
    return hits / input.rows;
  },
});

/** Of what was predicted to be a class, the share that is. Binary: the positive class; else the mean over classes. */
export const precision: Metric = { name: "precision", compute: /* @__PURE__ */ averaged("precision") };
/** Of what is a class, the share that was predicted to be. */
export const recall: Metric = { name: "recall", compute: /* @__PURE__ */ averaged("recall") };
/** Harmonic mean of precision and recall. */
export const f1: Metric = { name: "f1", compute: /* @__PURE__ */ averaged("f1") };
/** Mean squared error. */
export const mse: Metric = { name: "mse", compute: (input) => meanOf(input, (d) => d * d) };
/** Mean absolute error. */
export const mae: Metric = { name: "mae", compute: (input) => meanOf(input, Math.abs) };
/** Coefficient of determination: 1 − Σ(y − ŷ)²/Σ(y − ȳ)², over all outputs together. */
export const r2: Metric = {
  name: "r2",
  compute: (input) => {
    const t = targets(input);
    let mean = 0;
    for (let i = 0; i < t.length; i++) mean += (t[i] as number) / t.length;
    let total = 0;
    for (let i = 0; i < t.length; i++) total += ((t[i] as number) - mean) ** 2;
    return 1 - (meanOf(input, (d) => d * d) * t.length) / total;
  },
};

/** Rows actual, columns predicted. */
export function confusionMatrix(input: MetricInput): number[][] {
  const { matrix, count } = confusionOf(input);
  return Array.from({ length: count }, (_, c) => Array.from(matrix.subarray(c * count, (c + 1) * count)));
}

const named: Record<MetricName, Metric> = { accuracy, precision, recall, f1, mse, mae, r2 };

/** @internal */
export function metricOf(metric: MetricName | Metric): Metric {
  if (typeof metric === "object" && typeof metric.name === "string" && typeof metric.compute === "function")
    return metric;
  return named[oneOf(metric, "a metric", Object.keys(named) as MetricName[])];
}
