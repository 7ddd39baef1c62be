/** The worker's other end: models that live there, and trainings of models that live here. */
import { type BirpcReturn, createBirpc } from "birpc";
import type {
  Backend,
  EpochResult,
  Evaluation,
  EvenkeelError,
  Memory,
  nn,
  State,
  StateReport,
  TensorLike,
  TrainingData,
  Warning,
} from "evenkeel";
import { badArgument, seedOf } from "../check.js";
import { disposed, Held } from "../dispose.js";
import { endedByHand, type Port } from "./host.js";
import {
  type CoreModuleLike,
  cannotCross,
  checkMetrics,
  pack,
  packData,
  packFit,
  packLoss,
  packModel,
  type RemoteEvaluateOptions,
  type RemoteFitOptions,
} from "./pack.js";
import {
  type ClientCalls,
  manners,
  moved,
  moving,
  type PackedFit,
  type Progress,
  type ThreadCalls,
} from "./protocol.js";

/** A model that lives here and can be trained there: what `nn.sequential` of built-in layers gives, or `nn.load`. */
export interface LocalModel extends CoreModuleLike {
  loadState(state: Uint8Array): unknown;
}

/** A training that runs. */
interface Job {
  readonly options: RemoteFitOptions;
  readonly history: EpochResult[];
  /** What a listener of the caller's has thrown. */
  thrown?: { readonly error: unknown };
}

/** @internal The conversation with one worker. */
export class Line {
  readonly #port: Port;
  readonly #rpc: BirpcReturn<ThreadCalls, ClientCalls>;
  readonly #jobs = new Map<number, Job>();
  #ended: EvenkeelError | undefined;
  #pending = 0;
  #started = 0;

  constructor(port: Port, wasm: ClientCalls["wasm"]) {
    this.#port = port;
    const calls: ClientCalls = { wasm, progress: (job, progress) => this.#note(job, progress) };
    this.#rpc = createBirpc<ThreadCalls, ClientCalls>(calls, {
      ...manners,
      post: (message) => port.post(message, moved(message)),
      on: (listener) => port.listen(listener, (error) => this.end(error)),
    });
  }
  /** Asks the worker. The process stays alive until it has answered, and not for it alone. */
  async call<Name extends keyof ThreadCalls>(
    name: Name,
    ...args: Parameters<ThreadCalls[Name]>
  ): Promise<Awaited<ReturnType<ThreadCalls[Name]>>> {
    if (this.#ended !== undefined) throw this.#ended;
    if (this.#pending++ === 0) this.#port.hold(true);
    try {
      return (await this.#rpc.$call(name, ...(args as never))) as Awaited<ReturnType<ThreadCalls[Name]>>;
    } catch (error) {
      if (Object(error).name !== "DataCloneError") throw error;
      throw cannotCross(`Something in the arguments of ${name}`, (error as Error).message, "Send plain data.");
    } finally {
      if (--this.#pending === 0 && this.#ended === undefined) this.#port.hold(false);
    }
  }
  /** Tells the worker, if there still is one. */
  tell<Name extends "abort" | "free">(name: Name, number: number): void {
    if (this.#ended === undefined) void this.#rpc.$callEvent<"abort" | "free">(name, number);
  }
  #note(number: number, { epochs, step }: Progress): void {
    const job = this.#jobs.get(number);
    if (job === undefined) return;
    job.history.push(...epochs);
    if (job.thrown !== undefined) return;
    const { onEpoch, onStep } = job.options;
    try {
      for (const epoch of epochs) onEpoch?.(epoch);
      if (step !== undefined) onStep?.(step);
    } catch (error) {
      job.thrown = { error };
      this.tell("abort", number);
    }
  }
  async fit(model: number, options: RemoteFitOptions, packed: PackedFit): Promise<EpochResult[]> {
    const { signal } = options;
    signal?.throwIfAborted();
    const number = ++this.#started;
    const job: Job = { options, history: [] };
    this.#jobs.set(number, job);
    const abort = () => this.tell("abort", number);
    signal?.addEventListener("abort", abort);
    try {
      const ending = await this.call("fit", model, number, packed);
      this.#note(number, ending);
      if (job.thrown !== undefined) throw job.thrown.error;
      if (ending.aborted) throw signal?.reason;
      return job.history;
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#jobs.delete(number);
    }
  }
  /** Ends the worker, and every call that waits for it. */
  end(error: EvenkeelError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#port.end();
    this.#rpc.$rejectPendingCalls(({ reject }) => reject(error));
  }
}

/**
 * A model in the worker. Its calls take turns with a training's steps, every 10 ms or after the step that takes longer:
 * it can predict while it trains.
 */
export class RemoteModel extends Held {
  readonly #line: Line;
  #number: number | undefined;

  /** @internal */
  constructor(line: Line, number: number) {
    super();
    this.#line = line;
    this.#number = number;
  }
  get #own(): number {
    if (this.#number === undefined) throw disposed("model");
    return this.#number;
  }
  /**
   * Trains it, with a trainer of its own each time: the same bits as `new Trainer(model, ...)` and its `fit` give here.
   * All epochs come back at the end, and meanwhile by `onEpoch`.
   *
   * With `signal` the training ends after the step under way, and the promise is rejected with the signal's reason. Then,
   * and after an error, the model is as the last step made it.
   */
  async fit(options: RemoteFitOptions): Promise<EpochResult[]> {
    return this.#line.fit(this.#own, options, packFit(options));
  }
  /** The output in eval mode: values and shape `[N, ...]`. `x` is copied, unless it is to be moved. */
  async predict(
    x: TensorLike,
    { transfer = false, ...options }: nn.PredictOptions & { readonly transfer?: boolean } = {},
  ): Promise<{ data: Float32Array; shape: readonly number[] }> {
    const packed = pack(x, "x", transfer);
    return this.#line.call("predict", this.#own, moving(packed, [packed.data]), options);
  }
  /** Loss, accuracy and metrics on data, in eval mode. */
  async evaluate(
    data: TrainingData,
    { loss, classWeight, transfer = false, ...options }: RemoteEvaluateOptions,
  ): Promise<Evaluation> {
    checkMetrics(options.metrics);
    return this.#line.call("evaluate", this.#own, packData(data, transfer), packLoss(loss), classWeight, options);
  }
  /** All values by name. */
  async state(): Promise<State> {
    return this.#line.call("state", this.#own);
  }
  /** Loads a state, or a safetensors file of one, as `Module.loadState` does. */
  async loadState(state: State | Uint8Array, { strict = true }: { strict?: boolean } = {}): Promise<StateReport> {
    return this.#line.call("loadState", this.#own, state, strict);
  }
  /** The model as one safetensors file, which `nn.load` and `remote.load` read. */
  async save(): Promise<Uint8Array> {
    return this.#line.call("save", this.#own);
  }
  /** A table of layers, output shapes and parameters. */
  async summary(input?: readonly number[]): Promise<string> {
    return this.#line.call("summary", this.#own, input);
  }
  /** Frees it in the worker. Calling again does nothing. */
  dispose(): void {
    if (this.#number === undefined) return;
    this.#line.tell("free", this.#number);
    this.#number = undefined;
  }
}

/** A worker with a core of its own. */
export class Remote extends Held {
  readonly #line: Line;
  /** What computes there: as `backend()` says here. */
  readonly backend: Backend;

  /** @internal */
  constructor(line: Line, backend: Backend) {
    super();
    this.#line = line;
    this.backend = backend;
  }
  /**
   * Trains a model that lives here: its file goes to the worker, the trained values come back, the same bits as a
   * `Trainer` here would have given. The model must be of built-in layers and not frozen (`CANNOT_CROSS`); it should be
   * left alone meanwhile.
   *
   * With `signal`, and after an error in the training, the model is as the last step made it. If the worker ends
   * (`WORKER_ENDED`) it is as before.
   */
  async fit(model: LocalModel, options: RemoteFitOptions): Promise<EpochResult[]> {
    if (typeof Object(model).loadState !== "function") {
      throw badArgument("model", "a model of built-in layers; remote.load takes files and descriptions", model);
    }
    const packed = packFit(options);
    options.signal?.throwIfAborted();
    const number = await this.#line.call("load", packModel(model), undefined);
    try {
      return await this.#line.fit(number, options, packed);
    } finally {
      // What the training did remains, however it ended; a worker that is gone, or a core that trapped, has nothing.
      const file = await this.#line.call("save", number).catch(() => undefined);
      this.#line.tell("free", number);
      if (file !== undefined) model.loadState(file);
    }
  }
  /**
   * A model in the worker: a copy of one that lives here, from the file of one, or built from a description (`model.spec`,
   * plain data: a page that has it needs no core of its own). `seed` is for the initial weights of the last; 0.
   */
  async load(
    model: CoreModuleLike | Uint8Array | nn.Spec,
    { seed = 0 }: { readonly seed?: number } = {},
  ): Promise<RemoteModel> {
    return new RemoteModel(this.#line, await this.#line.call("load", packModel(model), seedOf(seed)));
  }
  /** What the core in the worker holds, in bytes. */
  memory(): Promise<Memory> {
    return this.#line.call("memory");
  }
  /** What it has warned of since the last call. */
  warnings(): Promise<Warning[]> {
    return this.#line.call("warnings");
  }
  /** Ends the worker. Calls under way are rejected with `WORKER_ENDED`, and so are later ones. */
  dispose(): void {
    this.#line.end(endedByHand());
  }
}
