/** Loss, accuracy and metrics on rows of a data set, in eval mode. */
import { type CoreBatch, type CoreDataset, CoreEvaluation, type CoreLoss } from "../../build/wasm/evenkeel.js";
import { call } from "../core.js";
import { scope } from "../handle.js";
import type { CoreModule } from "../nn/core-module.js";
import type { Features, Module } from "../nn/module.js";
import { Indices, Tensor } from "../tensor/tensor.js";
import { lossOutput } from "./data.js";
import type { Evaluation } from "./fit.js";
import { type Metric, type MetricInput, type MetricName, metricOf } from "./metrics.js";
import type { CustomLoss } from "./options.js";
import type { Pacer } from "./pause.js";

/** What is evaluated: `native` is the model if the core can run all of it. */
export interface Judged {
  readonly model: Module<Features, Features>;
  readonly native: CoreModule | undefined;
  readonly loss: CoreLoss;
  readonly custom: CustomLoss | undefined;
}

/** A batch as tensors, of the scope that is open. */
export function openBatch(batch: CoreBatch) {
  const x = new Tensor(call(() => batch.x()));
  const labels = call(() => batch.labels());
  const values = call(() => batch.values());
  const weights = call(() => batch.weights());
  const y = labels === undefined ? new Tensor(values as never) : new Indices(labels);
  return { x, y, weights: weights === undefined ? undefined : new Tensor(weights), rows: x.shape[0] as number };
}

/** Evaluates all rows, some at a time. */
export async function evaluateRows(
  judged: Judged,
  data: CoreDataset,
  metrics: readonly (MetricName | Metric)[],
  batchSize: number,
  pacer: Pacer,
): Promise<Evaluation> {
  const { native, loss } = judged;
  const chosen = metrics.map(metricOf);
  const run = call(() => new CoreEvaluation());
  try {
    const rows = call(() => data.rows());
    for (let at = 0; at < rows; at += batchSize) {
      const end = Math.min(at + batchSize, rows);
      if (native !== undefined) call(() => run.step(native.core, loss, data, at, end));
      else evaluateOutside(judged, run, data, at, end);
      if (pacer.due) await pacer.rest();
    }
    call(() => run.finish());
    const results: Record<string, number> = {};
    if (chosen.length > 0) {
      const input = metricInput(run, data, rows);
      for (const metric of chosen) results[metric.name] = metric.compute(input);
    }
    return { loss: run.loss(), accuracy: run.accuracy(), rows, metrics: results };
  } finally {
    run.free();
  }
}

function evaluateOutside(
  { model, loss, custom }: Judged,
  run: CoreEvaluation,
  data: CoreDataset,
  from: number,
  to: number,
) {
  const batch = call(() => run.batch(data, from, to));
  try {
    scope(() => {
      const { x, y, rows } = openBatch(batch);
      const output = model.predictOnce(x);
      if (custom === undefined) call(() => run.add(output.core, loss, batch));
      else {
        const value = lossOutput(custom(output, y)).item();
        call(() => run.addValue(output.core, value, rows));
      }
    });
  } finally {
    batch.free();
  }
}

function metricInput(run: CoreEvaluation, data: CoreDataset, rows: number): MetricInput {
  const outputs = call(() => run.outputs());
  const labels = call(() => data.labels());
  const values = call(() => data.values());
  try {
    const all = outputs?.data() ?? new Float32Array();
    return { outputs: all, width: all.length / rows, rows, labels: labels?.data(), values: values?.data() };
  } finally {
    outputs?.free();
    labels?.free();
    values?.free();
  }
}
