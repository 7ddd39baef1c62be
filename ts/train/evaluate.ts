/** Loss, accuracy and metrics on rows of a data set, in eval mode. */
import { core, must, number, release } from "../crossing.js";
import { Handle, scope } from "../handle.js";
import type { CoreModule } from "../nn/core-module.js";
import type { Features, Module } from "../nn/module.js";
import { floatsOf, Indices, intsOf, Tensor } from "../tensor/tensor.js";
import { lossOutput } from "./data.js";
import type { Evaluation } from "./fit.js";
import { type Metric, type MetricInput, type MetricName, metricOf } from "./metrics.js";
import type { CustomLoss } from "./options.js";
import type { Pacer } from "./pause.js";

/** What is evaluated: `native` is the model if the core can run all of it. */
export interface Judged {
  readonly model: Module<Features, Features>;
  readonly native: CoreModule | undefined;
  readonly loss: Handle;
  readonly custom: CustomLoss | undefined;
}

/** A batch as tensors, of the scope that is open. */
export function openBatch(batch: number) {
  const x = new Tensor(core.batchInputs(batch));
  const targets = core.batchTargets(batch);
  const y = number(0) === 1 ? new Indices(targets) : new Tensor(targets);
  const weights = core.batchWeights(batch);
  return { x, y, weights: weights === 0 ? undefined : new Tensor(weights), rows: x.shape[0] as number };
}

/** Evaluates all rows, some at a time. */
export async function evaluateRows(
  judged: Judged,
  data: Handle,
  metrics: readonly (MetricName | Metric)[],
  batchSize: number,
  pacer: Pacer,
): Promise<Evaluation> {
  const { native, loss } = judged;
  const chosen = metrics.map(metricOf);
  const run = new Handle(core.startEvaluation(), "evaluation");
  try {
    const rows = core.rowsOf(data.id);
    for (let at = 0; at < rows; at += batchSize) {
      const end = Math.min(at + batchSize, rows);
      if (native !== undefined) must(core.evaluate(run.id, native.id, loss.id, data.id, at, end));
      else evaluateOutside(judged, run, data, at, end);
      if (pacer.due) await pacer.rest();
    }
    const outputs = must(core.finishEvaluation(run.id));
    const [mean, accuracy] = [number(0), number(1)];
    const results: Record<string, number> = {};
    try {
      if (chosen.length > 0) {
        const input = metricInput(outputs, data, rows);
        for (const metric of chosen) results[metric.name] = metric.compute(input);
      }
    } finally {
      release(outputs);
    }
    return { loss: mean, accuracy, rows, metrics: results };
  } finally {
    run.dispose();
  }
}

function evaluateOutside({ model, loss, custom }: Judged, run: Handle, data: Handle, from: number, to: number) {
  const batch = must(core.rowsBetween(data.id, from, to));
  try {
    scope(() => {
      const { x, y, rows } = openBatch(batch);
      const output = model.predictOnce(x);
      if (custom === undefined) must(core.addOutputs(run.id, output.id, loss.id, batch));
      else {
        const value = lossOutput(custom(output, y)).item();
        core.addValue(run.id, output.id, value, rows);
      }
    });
  } finally {
    release(batch);
  }
}

function metricInput(outputs: number, data: Handle, rows: number): MetricInput {
  const all = floatsOf(outputs).slice();
  const targets = core.targetsOf(data.id);
  const isClass = number(0) === 1;
  const input = {
    outputs: all,
    width: all.length / rows,
    rows,
    labels: isClass ? intsOf(targets) : undefined,
    values: isClass ? undefined : floatsOf(targets).slice(),
  };
  release(targets);
  return input;
}
