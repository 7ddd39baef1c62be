/**
 * The trainer: a model, a loss, an optimizer and the place in the data. For built-in models and losses a step is one
 * call into the core; a model or loss of one's own runs in JavaScript on the core's batches.
 */
import {
  type CoreBatch,
  type CoreDataset,
  CoreEvaluation,
  type CoreLoss,
  CoreTrainer,
} from "../../build/wasm/evenkeel.js";
import { buffer, call, passWarnings, warn } from "../core.js";
import { EvenkeelError } from "../errors.js";
import { scope } from "../handle.js";
import { CoreModule } from "../nn/core-module.js";
import { computeLoss, type Labels, type LossName, type LossSpec, makeLoss } from "../nn/loss.js";
import type { Features, Module, State } from "../nn/module.js";
import { makeOptimizer, makeScheduler, type ParameterGroup } from "../optim/optimizer.js";
import type { ScheduleSpec } from "../optim/schedule.js";
import { adam, type OptimizerSpec } from "../optim/specs.js";
import { labels as asLabels, flatten, floats, type NumericArray } from "../tensor/input.js";
import { Indices, Tensor, type TensorLike } from "../tensor/tensor.js";
import { makeDataset, type TrainingData, takeY } from "./data.js";
import { EarlyStop } from "./early-stop.js";
import type { ArrayOptions, EpochResult, EvaluateOptions, Evaluation, FitOptions, StepInfo } from "./fit.js";
import { type MetricInput, metricOf } from "./metrics.js";
import { Pacer } from "./pause.js";

/** A loss of one's own: one number from outputs and targets. */
export type CustomLoss = (output: Tensor, target: Tensor | Indices) => Tensor;

/** Limits gradients by their common norm, or each by its value. */
export type ClipOptions = { readonly norm: number; readonly p?: number } | { readonly value: number };

/** Settings of a {@link Trainer}. */
export interface TrainerOptions {
  /** The loss: a name, a name with settings, or a function. */
  readonly loss: LossName | LossSpec | CustomLoss;
  /** The optimizer; Adam by default. Groups of parameters may have settings of their own. */
  readonly optimizer?: OptimizerSpec | readonly ParameterGroup[];
  /** Seeds the shuffle, the validation split and dropout; 0. Weights were drawn when the layers were made (`manualSeed`). */
  readonly seed?: number;
  /** Weight of each class in a class loss. */
  readonly classWeight?: NumericArray;
  /** Batches whose gradients make one update, each counting by its size; 1. */
  readonly accumulate?: number;
  /** Limits gradients before each update. */
  readonly clip?: ClipOptions;
  /** Moves the learning rate. */
  readonly schedule?: ScheduleSpec;
  /** Decay of an exponential average of the weights, which `averaged()` gives; 0.999, for example. */
  readonly average?: number;
}

/** What one step did. */
export interface StepResult {
  /** The loss before the update. */
  readonly loss: number;
  /** Share of right predictions; NaN where the loss has no such thing. */
  readonly accuracy: number;
  /** Rows in the batch. */
  readonly rows: number;
  /** Norm of the gradients before clipping by norm, else NaN. */
  readonly gradNorm: number;
}

const lastBatches = { auto: 0, drop: 1, keep: 2 } as const;

/** Trains a model. */
export class Trainer {
  readonly model: Module<Features, Features>;
  readonly #core: CoreTrainer;
  readonly #loss: CoreLoss;
  readonly #lossName: LossName | undefined;
  readonly #custom: CustomLoss | undefined;
  readonly #native: CoreModule | undefined;
  readonly #seed: number;
  #report: Float64Array | undefined;
  #fitting = false;
  #resumed = false;

  constructor(model: Module<Features, Features>, options: TrainerOptions) {
    const { loss, optimizer = adam(), seed = 0, accumulate = 1, clip, schedule, average } = options;
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new EvenkeelError("BAD_ARGUMENT", `seed should be a whole number of at least 0 but is ${seed}.`, {
        argument: "seed",
      });
    }
    this.model = model;
    this.#seed = seed;
    this.#custom = typeof loss === "function" ? loss : undefined;
    const named: LossSpec =
      typeof loss === "function" ? { type: "mse" } : typeof loss === "string" ? { type: loss } : loss;
    const spec = options.classWeight === undefined ? named : { ...named, weight: options.classWeight };
    this.#lossName = this.#custom === undefined ? spec.type : undefined;
    this.#loss = makeLoss(spec);
    this.#native = model instanceof CoreModule && this.#custom === undefined ? (model as CoreModule) : undefined;
    if (this.#native === undefined) model.seed(seed);
    const groups = "type" in optimizer ? undefined : optimizer;
    const core = makeOptimizer(groups ?? model, groups === undefined ? (optimizer as OptimizerSpec) : adam());
    const scheduler =
      schedule === undefined ? undefined : makeScheduler(schedule, Array.from(call(() => core.rates())));
    const settings = JSON.stringify({
      seed,
      accumulate,
      average,
      every: schedule?.every ?? "epoch",
      ...(clip === undefined
        ? {}
        : "norm" in clip
          ? { clip: clip.norm, clipP: clip.p === Number.POSITIVE_INFINITY ? "inf" : (clip.p ?? 2) }
          : { clip: clip.value }),
    });
    this.#core = call(() => new CoreTrainer(this.#native?.core.share(), this.#loss.share(), core, scheduler, settings));
  }

  /** Learning rate of the first group of parameters. */
  get lr(): number {
    return call(() => this.#core.lr());
  }
  /** Updates made so far. */
  get updates(): number {
    return call(() => this.#core.updates());
  }
  /** Epochs completed so far. */
  get epoch(): number {
    return call(() => this.#core.epoch());
  }

  /** The eight numbers in which the core reports; the view is made anew when memory has grown. */
  #numbers(): Float64Array {
    if (this.#report === undefined || this.#report.buffer !== buffer()) {
      this.#report = new Float64Array(buffer(), this.#core.report(), 8);
    }
    return this.#report;
  }
  #stepResult(): StepResult {
    const [loss, rows, hits, judged, gradNorm] = this.#numbers() as unknown as [number, number, number, number, number];
    return { loss, accuracy: hits / judged, rows, gradNorm };
  }

  /**
   * One step on one batch: forward, loss, backward, and an update when enough batches have gathered. Puts the model in
   * training mode.
   */
  step(x: TensorLike, y: Labels | TensorLike, { sampleWeight }: { sampleWeight?: TensorLike } = {}): StepResult {
    if (this.model.mode !== "train") this.model.train();
    if (this.#native === undefined) return this.#stepOutside(x, y, sampleWeight);
    const flat = x instanceof Tensor ? { data: x.toArray(), shape: x.shape } : flatten(x, undefined, "x");
    const input = floats(flat.data);
    const shape = Uint32Array.from(flat.shape);
    const weights =
      sampleWeight === undefined
        ? undefined
        : sampleWeight instanceof Tensor
          ? sampleWeight.toArray()
          : floats(flatten(sampleWeight, undefined, "sampleWeight").data);
    const labels = this.#plainLabels(y, flat.shape.length);
    if (labels !== undefined) call(() => this.#core.stepLabels(input, shape, labels, weights));
    else {
      const { labels: l, values } = takeY(y, this.#lossName, flat.shape.length);
      try {
        if (l !== undefined) call(() => this.#core.stepLabels(input, shape, l.data(), weights));
        else if (values !== undefined) {
          call(() => this.#core.stepValues(input, shape, values.data(), Uint32Array.from(values.shape()), weights));
        }
      } finally {
        l?.free();
        values?.free();
      }
    }
    call(passWarnings);
    return this.#stepResult();
  }
  /** Labels in a flat array, which cross into the core without a detour. */
  #plainLabels(y: Labels | TensorLike, rank: number): Int32Array | undefined {
    const isClass = this.#lossName === "crossEntropy" || this.#lossName === "nll";
    if (!isClass || rank !== 2 || y instanceof Tensor || y instanceof Indices) return undefined;
    const flat = flatten(y, undefined, "y");
    return flat.shape.length === 1 ? asLabels(flat.data, "y") : undefined;
  }
  #stepOutside(x: TensorLike, y: Labels | TensorLike, sampleWeight: TensorLike | undefined): StepResult {
    const data = makeDataset({ x, y, sampleWeight }, this.#lossName);
    const reader = call(() => new CoreEvaluation());
    try {
      this.#runBatch(call(() => reader.batch(data, 0, data.rows())));
    } finally {
      reader.free();
      data.free();
    }
    return this.#stepResult();
  }
  /** A step of a model or loss that lives in JavaScript. */
  #runBatch(batch: CoreBatch): void {
    try {
      scope(() => {
        const { x, y, weights, rows } = openBatch(batch);
        const output = this.model.forward(x);
        if (this.#custom !== undefined) {
          const loss = this.#custom(output, y);
          call(() => this.#core.applyTensor(loss.core, rows));
        } else {
          const value = computeLoss(this.#loss, this.#lossName as LossName, output, y, weights, "mean");
          try {
            call(() => this.#core.apply(value, rows));
          } finally {
            value.free();
          }
        }
      });
    } finally {
      batch.free();
    }
    call(passWarnings);
  }
  #nextStep(): boolean {
    if (this.#native !== undefined) {
      const more = call(() => this.#core.nextStep());
      call(passWarnings);
      return more;
    }
    const batch = call(() => this.#core.nextBatch());
    if (batch === undefined) return false;
    this.#runBatch(batch);
    return true;
  }

  /**
   * Trains for some epochs and yields after each; leaving the loop ends the training. The event loop gets its turn every
   * 10 ms or after the step that takes longer.
   *
   * The rows that do not fill the last batch of an epoch are a batch of their own, but a single row joins the batch
   * before it (`lastBatch: "auto"`): batch norm cannot train on one. Each row counts the same in the epoch's loss.
   */
  async *fit(options: FitOptions): AsyncGenerator<EpochResult, void, undefined> {
    if (this.#fitting) {
      throw new EvenkeelError("WRONG_MODE", "A fit of this trainer is running: one at a time.", { reason: "fitting" });
    }
    this.#fitting = true;
    let valid: CoreDataset | undefined;
    try {
      const streamed = "batches" in options && options.batches !== undefined;
      if (!streamed) valid = this.#useData(options as ArrayOptions);
      else if (typeof options.validation === "object") valid = makeDataset(options.validation, this.#lossName);
      const { epochs = 1, signal } = options;
      const first = this.#resumed ? this.epoch : 0;
      this.#resumed = false;
      const stop = options.earlyStopping === undefined ? undefined : new EarlyStop(options.earlyStopping);
      const pacer = new Pacer();
      for (let epoch = first; epoch < epochs; epoch++) {
        signal?.throwIfAborted();
        const began = performance.now();
        this.model.train();
        call(() => this.#core.startEpoch());
        const steps = streamed ? undefined : call(() => this.#core.stepsPerEpoch());
        const note = (step: number): void => {
          if (options.onStep === undefined) return;
          options.onStep(this.#stepInfo(epoch, step, steps));
        };
        if (streamed) {
          const source = typeof options.batches === "function" ? options.batches() : options.batches;
          let step = 0;
          for await (const batch of source) {
            this.step(batch.x, batch.y, batch.sampleWeight === undefined ? {} : { sampleWeight: batch.sampleWeight });
            note(step++);
            if (pacer.due) await pacer.rest();
            signal?.throwIfAborted();
          }
        } else {
          for (let step = 0; this.#nextStep(); step++) {
            note(step);
            if (pacer.due) await pacer.rest();
            signal?.throwIfAborted();
          }
        }
        const lr = this.lr;
        call(() => this.#core.epochReport());
        const [loss, accuracy, rows] = this.#numbers().subarray(5) as unknown as [number, number, number];
        const seconds = (performance.now() - began) / 1000;
        const validation =
          valid === undefined
            ? undefined
            : await this.#evaluateRows(valid, options.metrics ?? [], options.evaluationBatchSize ?? 256, pacer);
        call(() => this.#core.endEpoch(validation?.loss ?? loss));
        const result: EpochResult = {
          epoch,
          loss,
          accuracy,
          lr,
          rows,
          seconds,
          rowsPerSecond: rows / seconds,
          ...(validation === undefined ? {} : { validation }),
        };
        const enough = stop?.observe(result, () => this.model.state()) ?? false;
        yield result;
        if (enough) break;
      }
      const best: State | undefined = stop?.best();
      if (best !== undefined) this.model.loadState(best);
    } finally {
      valid?.free();
      this.#fitting = false;
      call(() => this.#core.releaseData());
    }
  }
  #stepInfo(epoch: number, step: number, steps: number | undefined): StepInfo {
    const now = this.#stepResult();
    call(() => this.#core.epochReport());
    const [, accuracy, rowsSeen] = this.#numbers().subarray(5) as unknown as [number, number, number];
    return {
      ...now,
      epoch,
      step,
      ...(steps === undefined ? {} : { steps }),
      rowsSeen,
      runningAccuracy: accuracy,
      lr: this.lr,
    };
  }
  /** Copies the data in; returns the validation rows, if there are any. */
  #useData(options: ArrayOptions): CoreDataset | undefined {
    const { validation = 0, stratify = false, batchSize = 32, shuffle = true, lastBatch = "auto" } = options;
    const all = makeDataset(options, this.#lossName);
    let train = all;
    let valid: CoreDataset | undefined;
    try {
      if (typeof validation === "object") valid = makeDataset(validation, this.#lossName);
      else if (validation > 0) {
        const rows = call(() => all.split(validation, stratify, this.#seed));
        const n = rows[rows.length - 1] as number;
        train = call(() => all.subset(rows.subarray(0, n)));
        valid = call(() => all.subset(rows.subarray(n, -1)));
        warnOfMissingClasses(train, valid);
        all.free();
      }
      call(() => this.#core.setData(train, batchSize, shuffle, lastBatches[lastBatch]));
    } catch (error) {
      valid?.free();
      throw error;
    }
    return valid;
  }

  /** Loss, accuracy and metrics on data, in eval mode; the mode is put back afterwards. */
  async evaluate(data: TrainingData, options: EvaluateOptions = {}): Promise<Evaluation> {
    const set = makeDataset(data, this.#lossName);
    try {
      return await this.#evaluateRows(set, options.metrics ?? [], options.batchSize ?? 256, new Pacer());
    } finally {
      set.free();
    }
  }
  async #evaluateRows(
    data: CoreDataset,
    metrics: NonNullable<EvaluateOptions["metrics"]>,
    batchSize: number,
    pacer: Pacer,
  ): Promise<Evaluation> {
    const chosen = metrics.map(metricOf);
    const run = call(() => new CoreEvaluation());
    try {
      const rows = call(() => data.rows());
      for (let at = 0; at < rows; at += batchSize) {
        const end = Math.min(at + batchSize, rows);
        if (this.#native !== undefined) {
          const { core } = this.#native;
          call(() => run.step(core, this.#loss, data, at, end));
        } else this.#evaluateOutside(run, data, at, end);
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
  #evaluateOutside(run: CoreEvaluation, data: CoreDataset, from: number, to: number): void {
    const batch = call(() => run.batch(data, from, to));
    try {
      scope(() => {
        const { x, y, rows } = openBatch(batch);
        const output = this.model.predictOnce(x);
        if (this.#custom === undefined) call(() => run.add(output.core, this.#loss, batch));
        else call(() => run.addValue(output.core, this.#custom?.(output, y).item() ?? Number.NaN, rows));
      });
    } finally {
      batch.free();
    }
  }

  /** A copy of the model with the exponential average of its weights; `recalibrate` it, since its statistics are not averaged. */
  averaged(): Module<Features, Features> {
    call(() => this.#core.swapAverage());
    try {
      return this.model.clone();
    } finally {
      call(() => this.#core.swapAverage());
    }
  }

  /**
   * The whole training as one file: weights, statistics, moments, schedule, random states, the order of the rows and
   * the place in it. With a model of one's own the file holds everything but the model's values: save those beside it.
   */
  save(): Uint8Array {
    return call(() => this.#core.save());
  }
  /**
   * Goes on from a file of `save`, on a trainer built the same way. The next `fit` counts its epochs from the start of
   * that training and takes up the epoch where it was: the numbers are those of a training that was never interrupted,
   * bit for bit.
   */
  load(bytes: Uint8Array): void {
    call(() => this.#core.load(bytes));
    this.#resumed = true;
  }

  /** Frees what the trainer holds; the model stays. */
  dispose(): void {
    this.#core.free();
    this.#loss.free();
  }
  /** The same, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

function openBatch(batch: CoreBatch) {
  const x = new Tensor(call(() => batch.x()));
  const labels = call(() => batch.labels());
  const values = call(() => batch.values());
  const weights = call(() => batch.weights());
  const y = labels === undefined ? new Tensor(values as never) : new Indices(labels);
  return { x, y, weights: weights === undefined ? undefined : new Tensor(weights), rows: x.shape[0] as number };
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

function warnOfMissingClasses(train: CoreDataset, valid: CoreDataset): void {
  const classes = (set: CoreDataset): Set<number> => {
    const labels = call(() => set.labels());
    const all = new Set(labels?.data());
    labels?.free();
    return all;
  };
  const [a, b] = [classes(train), classes(valid)];
  for (const c of [...new Set([...a, ...b])].sort((x, y) => x - y)) {
    if (!a.has(c))
      warn("CLASS_MISSING", `Class ${c} is only in the validation rows: the model never sees it. Try stratify: true.`);
    if (!b.has(c)) warn("CLASS_MISSING", `Class ${c} is missing from the validation rows. Try stratify: true.`);
  }
}
