/**
 * The trainer: a model, a loss, an optimizer and the place in the data. For built-in models and losses a step is one
 * call into the core; a model or loss of one's own runs in JavaScript on the core's batches.
 */
import {
  type CoreBatch,
  type CoreDataset,
  CoreEvaluation,
  CoreHold,
  type CoreLoss,
  CoreTrainer,
} from "../../build/wasm/evenkeel.js";
import { buffer, call, passWarnings, placed } from "../core.js";
import { EvenkeelError } from "../errors.js";
import { dispose, disposed, scope } from "../handle.js";
import { CoreModule } from "../nn/core-module.js";
import { computeLoss, type Labels, type LossName, makeLoss } from "../nn/loss.js";
import type { Features, Module } from "../nn/module.js";
import { firstNotFinite, locating, outputOf } from "../nn/place.js";
import type { State } from "../nn/state.js";
import { makeOptimizer, makeScheduler } from "../optim/optimizer.js";
import { noGrad } from "../tensor/create.js";
import { labels as asLabels, flatten, floats } from "../tensor/input.js";
import { Indices, Tensor, type TensorLike } from "../tensor/tensor.js";
import { loadTraining, saveTraining } from "./checkpoint.js";
import { lossOutput, makeDataset, type TrainingData, takeY, warnOfMissingClasses } from "./data.js";
import { EarlyStop } from "./early-stop.js";
import { evaluateRows, openBatch } from "./evaluate.js";
import {
  type ArrayOptions,
  checkEvaluate,
  checkFit,
  type EpochResult,
  type EvaluateOptions,
  type Evaluation,
  type FitOptions,
  type StepInfo,
} from "./fit.js";
import { type CustomLoss, type StepResult, settingsOf, type TrainerOptions } from "./options.js";
import { Pacer } from "./pause.js";

const lastBatches = { auto: 0, drop: 1, keep: 2 } as const;

/** Trains a model. */
export class Trainer {
  readonly model: Module<Features, Features>;
  #live: CoreTrainer | undefined;
  readonly #loss: CoreLoss;
  readonly #lossName: LossName | undefined;
  readonly #custom: CustomLoss | undefined;
  readonly #native: CoreModule | undefined;
  #report: Float64Array | undefined;
  #fitting = false;
  #resumed = false;

  constructor(model: Module<Features, Features>, options: TrainerOptions) {
    const { seed, custom, loss, optimizer, groups, schedule, settings } = settingsOf(options);
    this.model = model;
    this.#custom = custom;
    this.#lossName = custom === undefined ? loss.type : undefined;
    this.#loss = makeLoss(loss);
    this.#native = model instanceof CoreModule && custom === undefined ? (model as CoreModule) : undefined;
    const core = makeOptimizer(groups ?? model, optimizer);
    const scheduler =
      schedule === undefined ? undefined : makeScheduler(schedule, Array.from(call(() => core.rates())));
    this.#live = call(() => new CoreTrainer(this.#native?.core.share(), this.#loss.share(), core, scheduler, settings));
    if (this.#native === undefined) model.seed(seed);
  }

  get #core(): CoreTrainer {
    if (this.#live === undefined) throw disposed("trainer");
    return this.#live;
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
    // Running statistics move only with a step that succeeds.
    const hold = call(() => new CoreHold());
    let held = true;
    try {
      scope(() => {
        const { x, y, weights, rows } = openBatch(batch);
        const output = locating(this.model, () => outputOf(this.model.forward(x)));
        try {
          this.#apply(output, y, weights, rows);
        } catch (error) {
          throw this.#explained(error, x);
        }
      });
      held = false;
      call(() => hold.commit());
    } finally {
      if (held) hold.free();
      batch.free();
    }
    call(passWarnings);
  }
  #apply(output: Tensor, y: Tensor | Indices, weights: Tensor | undefined, rows: number): void {
    if (this.#custom !== undefined) {
      const loss = lossOutput(this.#custom(output, y));
      call(() => this.#core.applyTensor(loss.core, rows));
      return;
    }
    const value = computeLoss(this.#loss, this.#lossName as LossName, output, y, weights, "mean");
    try {
      call(() => this.#core.apply(value, rows));
    } finally {
      value.free();
    }
  }
  /** A loss that is not finite: with the first layer that gave such a value. */
  #explained(error: unknown, x: Tensor): unknown {
    if (!(error instanceof EvenkeelError) || error.code !== "LOSS_NOT_FINITE") return error;
    const hold = call(() => new CoreHold());
    try {
      const found = firstNotFinite(this.model, () => void noGrad(() => this.model.forward(x)));
      return found === undefined ? error : placed(error, found.layer, { kind: found.kind });
    } finally {
      hold.free();
    }
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
   *
   * A fit that ends within an epoch (an error, the signal) leaves the model as the last step made it; a later fit
   * begins an epoch anew.
   */
  async *fit(options: FitOptions): AsyncGenerator<EpochResult, void, undefined> {
    if (this.#fitting) {
      throw new EvenkeelError("WRONG_MODE", "A fit of this trainer is running: one at a time.", { reason: "fitting" });
    }
    checkFit(options);
    this.#fitting = true;
    let valid: CoreDataset | undefined;
    try {
      if (!this.#resumed) call(() => this.#core.abandonEpoch());
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
          if (step === 0) {
            throw new EvenkeelError(
              "EMPTY",
              `batches gave none in epoch ${epoch}. A generator runs once: for several epochs give a function that makes one.`,
              { argument: "batches", epoch },
            );
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
            : await evaluateRows(this.#judged, valid, options.metrics ?? [], options.evaluationBatchSize ?? 256, pacer);
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
      if (this.#live !== undefined) call(() => this.#core.releaseData());
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
        const rows = call(() => all.split(validation, stratify, this.#core.seed()));
        const n = rows[rows.length - 1] as number;
        valid = call(() => all.subset(rows.subarray(n, -1)));
        train = call(() => all.subset(rows.subarray(0, n)));
        warnOfMissingClasses(train, valid);
        all.free();
      }
    } catch (error) {
      valid?.free();
      all.free();
      throw error;
    }
    try {
      call(() => this.#core.setData(train, batchSize, shuffle, lastBatches[lastBatch]));
    } catch (error) {
      valid?.free();
      throw error;
    }
    return valid;
  }

  /** Loss, accuracy and metrics on data, in eval mode; the mode is put back afterwards. */
  async evaluate(data: TrainingData, options: EvaluateOptions = {}): Promise<Evaluation> {
    checkEvaluate(data, options);
    const set = makeDataset(data, this.#lossName);
    try {
      return await evaluateRows(this.#judged, set, options.metrics ?? [], options.batchSize ?? 256, new Pacer());
    } finally {
      set.free();
    }
  }
  get #judged() {
    return { model: this.model, native: this.#native, loss: this.#loss, custom: this.#custom };
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
   * the place in it.
   */
  save(): Uint8Array {
    return saveTraining(this.#core, this.model, this.#native === undefined);
  }
  /**
   * Goes on from a file of `save`, on a trainer built the same way. The next `fit` counts its epochs from the start of
   * that training and takes up the epoch where it was: the numbers are those of a training that was never interrupted,
   * bit for bit.
   */
  load(bytes: Uint8Array): void {
    loadTraining(this.#core, this.model, this.#native === undefined, bytes);
    this.#resumed = true;
  }

  /** Frees what the trainer holds; the model stays. Calling again does nothing. */
  dispose(): void {
    if (this.#live === undefined) return;
    this.#live.free();
    this.#live = undefined;
    this.#loss.free();
  }
  /** The same, for `using`. */
  [dispose](): void {
    this.dispose();
  }
}
