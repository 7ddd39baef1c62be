/**
 * The trainer: a model, a loss, an optimizer and the place in the data. For built-in models and losses a step is one
 * call into the core; a model or loss of one's own runs in JavaScript on the core's batches.
 */
import { passWarnings } from "../core.js";
import { begin, byteRow, core, floats, ints, must, numbers as noted, number, placed, release } from "../crossing.js";
import { Held } from "../dispose.js";
import { EvenkeelError } from "../errors.js";
import { Handle, scope } from "../handle.js";
import { CoreModule } from "../nn/core-module.js";
import { computeLoss, isClassLoss, type Labels, type LossName, makeLoss } from "../nn/loss.js";
import type { Features, Module } from "../nn/module.js";
import { firstNotFinite, locating, outputOf } from "../nn/place.js";
import type { State } from "../nn/state.js";
import { makeOptimizer, makeScheduler } from "../optim/optimizer.js";
import type { ScheduleSpec } from "../optim/schedule.js";
import { noGrad } from "../tensor/create.js";
import { labels as asLabels, type Flat, flatten } from "../tensor/input.js";
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

/** The core's numbers of what a trainer tells. */
const numbers = { lr: 0, seed: 1, updates: 2, epoch: 3 } as const;

/** What the core noted of the last step. */
function stepResult(): StepResult {
  const n = noted() as unknown as readonly [number, number, number, number, number];
  return { loss: n[0], accuracy: n[2] / n[3], rows: n[1], gradNorm: n[4] };
}

/** The same, once it is said what the step warned of: a listener may call the core. */
function told(): StepResult {
  const result = stepResult();
  passWarnings();
  return result;
}

/** Trains a model. */
export class Trainer extends Held {
  readonly model: Module<Features, Features>;
  readonly #core: Handle;
  readonly #loss: Handle;
  readonly #lossName: LossName | undefined;
  readonly #custom: CustomLoss | undefined;
  readonly #native: CoreModule | undefined;
  #fitting = false;
  #resumed = false;

  constructor(model: Module<Features, Features>, options: TrainerOptions) {
    super();
    const { seed, custom, loss, optimizer, groups, schedule, settings } = settingsOf(options);
    this.model = model;
    this.#custom = custom;
    this.#lossName = custom === undefined ? loss.type : undefined;
    this.#loss = new Handle(makeLoss(loss), "loss");
    this.#native = model instanceof CoreModule && custom === undefined ? (model as CoreModule) : undefined;
    try {
      const id = this.#make(makeOptimizer(groups ?? model, optimizer), schedule, settings);
      this.#core = new Handle(id, "trainer");
    } catch (error) {
      this.#loss.dispose();
      throw error;
    }
    if (this.#native === undefined) model.seed(seed);
  }

  /** A trainer of the core, which takes the optimizer over. */
  #make(optimizer: number, schedule: ScheduleSpec | undefined, settings: Uint8Array): number {
    let scheduler = 0;
    let own = optimizer;
    try {
      if (schedule !== undefined) scheduler = makeScheduler(schedule, optimizer);
      const [model, loss, row] = [this.#native?.id ?? 0, this.#loss.id, byteRow(settings)];
      own = 0;
      return must(core.makeTrainer(model, loss, optimizer, scheduler, row));
    } finally {
      release(scheduler);
      release(own);
    }
  }
  /** Learning rate of the first group of parameters. */
  get lr(): number {
    return core.trainerNumber(this.#core.id, numbers.lr);
  }
  /** Updates made so far. */
  get updates(): number {
    return core.trainerNumber(this.#core.id, numbers.updates);
  }
  /** Epochs completed so far. */
  get epoch(): number {
    return core.trainerNumber(this.#core.id, numbers.epoch);
  }

  /**
   * One step on one batch: forward, loss, backward, and an update when enough batches have gathered. Puts the model in
   * training mode.
   */
  step(x: TensorLike, y: Labels | TensorLike, { sampleWeight }: { sampleWeight?: TensorLike } = {}): StepResult {
    if (this.model.mode !== "train") this.model.train();
    if (this.#native === undefined) return this.#stepOutside(x, y, sampleWeight);
    const flat = x instanceof Tensor ? { data: x.toArray(), shape: x.shape } : flatten(x, undefined, "x");
    const weights =
      sampleWeight === undefined
        ? undefined
        : sampleWeight instanceof Tensor
          ? sampleWeight.toArray()
          : flatten(sampleWeight, undefined, "sampleWeight").data;
    const labels = this.#plainLabels(y, flat.shape.length);
    const target = labels === undefined ? takeY(y, this.#lossName, flat.shape.length) : 0;
    try {
      this.#stepOn(flat, target, labels ?? [], weights);
    } finally {
      release(target);
    }
    return told();
  }
  #stepOn(x: Flat, target: number, labels: ArrayLike<number>, weights: ArrayLike<number> | undefined): void {
    const { id } = this.#core;
    begin((x.data.length + x.shape.length + labels.length + (weights?.length ?? 0)) * 4 + 16);
    must(
      core.trainStep(
        id,
        floats(x.data),
        ints(x.shape),
        target,
        ints(labels),
        weights === undefined ? -1 : floats(weights),
      ),
    );
  }
  /** Labels in a flat array, which cross into the core without a detour. */
  #plainLabels(y: Labels | TensorLike, rank: number): Int32Array | undefined {
    if (!isClassLoss(this.#lossName) || rank !== 2 || y instanceof Tensor || y instanceof Indices) return undefined;
    const flat = flatten(y, undefined, "y");
    return flat.shape.length === 1 ? asLabels(flat.data, "y") : undefined;
  }
  #stepOutside(x: TensorLike, y: Labels | TensorLike, sampleWeight: TensorLike | undefined): StepResult {
    const data = makeDataset({ x, y, sampleWeight }, this.#lossName);
    try {
      this.#runBatch(must(core.rowsBetween(data, 0, core.rowsOf(data))));
    } finally {
      release(data);
    }
    return told();
  }
  /** A step of a model or loss that lives in JavaScript. */
  #runBatch(batch: number): void {
    // Running statistics move only with a step that succeeds.
    const hold = core.startHold();
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
      core.commitHold(hold);
    } finally {
      if (held) release(hold);
      release(batch);
    }
  }
  #apply(output: Tensor, y: Tensor | Indices, weights: Tensor | undefined, rows: number): void {
    if (this.#custom !== undefined) {
      const loss = lossOutput(this.#custom(output, y));
      must(core.applyLoss(this.#core.id, loss.id, rows, rows, 0, 0));
      return;
    }
    const loss = computeLoss(this.#loss.id, this.#lossName as LossName, output, y, weights, "mean");
    try {
      must(core.applyLoss(this.#core.id, loss, rows, number(0), number(1), number(2)));
    } finally {
      release(loss);
    }
  }
  /** A loss that is not finite: with the first layer that gave such a value. */
  #explained(error: unknown, x: Tensor): unknown {
    if (!(error instanceof EvenkeelError) || error.code !== "LOSS_NOT_FINITE") return error;
    const hold = core.startHold();
    try {
      const found = firstNotFinite(this.model, () => void noGrad(() => this.model.forward(x)));
      return found === undefined ? error : placed(error, found.layer, { kind: found.kind });
    } finally {
      release(hold);
    }
  }
  #nextStep(): boolean {
    if (this.#native !== undefined) {
      return must(core.nextStep(this.#core.id)) === 2;
    }
    must(core.nextBatch(this.#core.id));
    const batch = number(0);
    if (batch === 0) return false;
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
    let valid: Handle | undefined;
    try {
      if (!this.#resumed) core.abandonEpoch(this.#core.id);
      const streamed = "batches" in options && options.batches !== undefined;
      if (!streamed) valid = this.#useData(options as ArrayOptions);
      else if (typeof options.validation === "object") valid = this.#dataset(options.validation);
      const { epochs = 1, signal } = options;
      const first = this.#resumed ? this.epoch : 0;
      this.#resumed = false;
      const stop = options.earlyStopping === undefined ? undefined : new EarlyStop(options.earlyStopping);
      const pacer = new Pacer();
      for (let epoch = first; epoch < epochs; epoch++) {
        signal?.throwIfAborted();
        const began = performance.now();
        this.model.train();
        core.startEpoch(this.#core.id);
        const steps = streamed ? undefined : core.stepsPerEpoch(this.#core.id);
        const note = (step: number, result?: StepResult): void => {
          const info = options.onStep && this.#stepInfo(result ?? stepResult(), epoch, step, steps);
          passWarnings();
          if (info !== undefined) options.onStep?.(info);
        };
        if (streamed) {
          const source = typeof options.batches === "function" ? options.batches() : options.batches;
          let step = 0;
          for await (const batch of source) {
            const { x, y, sampleWeight } = batch;
            note(step++, this.step(x, y, sampleWeight === undefined ? {} : { sampleWeight }));
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
        core.epochReport(this.#core.id);
        const [loss, accuracy, rows] = [number(5), number(6), number(7)];
        const seconds = (performance.now() - began) / 1000;
        const validation =
          valid === undefined
            ? undefined
            : await evaluateRows(this.#judged, valid, options.metrics ?? [], options.evaluationBatchSize ?? 256, pacer);
        must(core.endEpoch(this.#core.id, validation?.loss ?? loss));
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
      valid?.dispose();
      this.#fitting = false;
      if (!this.#core.disposed) core.releaseData(this.#core.id);
    }
  }
  #stepInfo(result: StepResult, epoch: number, step: number, steps: number | undefined): StepInfo {
    core.epochReport(this.#core.id);
    return {
      ...result,
      epoch,
      step,
      ...(steps === undefined ? {} : { steps }),
      rowsSeen: number(7),
      runningAccuracy: number(6),
      lr: this.lr,
    };
  }
  /** Copies the data in; returns the validation rows, if there are any. */
  #useData(options: ArrayOptions): Handle | undefined {
    const { validation = 0, stratify = false, batchSize = 32, shuffle = true, lastBatch = "auto" } = options;
    let train = this.#dataset(options);
    let valid: Handle | undefined;
    try {
      if (typeof validation === "object") valid = this.#dataset(validation);
      else if (validation > 0) {
        const all = train;
        const seed = core.trainerNumber(this.#core.id, numbers.seed);
        train = new Handle(must(core.split(all.id, validation, Number(stratify), seed)), "data set");
        valid = new Handle(number(0), "data set");
        all.dispose();
        warnOfMissingClasses(train.id, valid.id);
      }
      const { id } = this.#core;
      must(core.setData(id, train.leave(), batchSize, Number(shuffle), lastBatches[lastBatch]));
    } catch (error) {
      valid?.dispose();
      train.dispose();
      throw error;
    }
    return valid;
  }
  #dataset(data: TrainingData): Handle {
    return new Handle(makeDataset(data, this.#lossName), "data set");
  }

  /** Loss, accuracy and metrics on data, in eval mode; the mode is put back afterwards. */
  async evaluate(data: TrainingData, options: EvaluateOptions = {}): Promise<Evaluation> {
    checkEvaluate(data, options);
    const set = this.#dataset(data);
    try {
      return await evaluateRows(this.#judged, set, options.metrics ?? [], options.batchSize ?? 256, new Pacer());
    } finally {
      set.dispose();
    }
  }
  get #judged() {
    return { model: this.model, native: this.#native, loss: this.#loss, custom: this.#custom };
  }

  /** A copy of the model with the exponential average of its weights; `recalibrate` it, since its statistics are not averaged. */
  averaged(): Module<Features, Features> {
    must(core.swapAverage(this.#core.id));
    try {
      return this.model.clone();
    } finally {
      must(core.swapAverage(this.#core.id));
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
    this.#core.dispose();
    this.#loss.dispose();
  }
}
