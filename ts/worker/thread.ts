/**
 * What runs in the worker: a core of its own, models under numbers, and trainings that tell how far they are. Set-up
 * makes one script of this file, `dist/worker-thread.js`, which `spawn` carries as a text.
 */
import { type BirpcReturn, createBirpc } from "birpc";
import { backend, memory, warnings } from "../core.js";
import { EvenkeelError } from "../errors.js";
import { initFrom } from "../init.js";
import { build, CoreModule } from "../nn/core-module.js";
import { load } from "../nn/index.js";
import type { LossSpec } from "../nn/loss.js";
import { builtin } from "../runtime/builtin.js";
import { bytesOf } from "../runtime/fetch.js";
import { workers } from "../runtime/workers.js";
import { manualSeed, tensor } from "../tensor/create.js";
import { indices } from "../tensor/tensor.js";
import type { TrainingData } from "../train/data.js";
import type { ArrayOptions, EpochResult, EvaluateOptions, StepInfo } from "../train/fit.js";
import { Trainer } from "../train/trainer.js";
import {
  type ClientCalls,
  type Ending,
  manners,
  moved,
  moving,
  type Packed,
  type PackedData,
  type PackedFit,
  type PackedLoss,
  type ThreadCalls,
} from "./protocol.js";

const models = new Map<number, CoreModule>();
const fitting = new Set<CoreModule>();
const jobs = new Map<number, AbortController>();
let loaded = 0;

function modelOf(number: number): CoreModule {
  const model = models.get(number);
  if (model === undefined) throw new EvenkeelError("DISPOSED", "This model has been disposed of.", { what: "model" });
  return model;
}

interface Disposable {
  dispose(): void;
}

/** Data as it was before it was packed; tensors are noted in `made`. */
function unpack({ kind, data, shape }: Packed, made: Disposable[]) {
  if (kind === "plain") return { data, shape };
  const handle = kind === "tensor" ? tensor(data, shape) : indices({ data, shape });
  made.push(handle);
  return handle;
}

function unpackData({ x, y, sampleWeight }: PackedData, made: Disposable[]): TrainingData {
  return {
    x: unpack(x, made) as TrainingData["x"],
    y: unpack(y, made),
    ...(sampleWeight === undefined ? {} : { sampleWeight: unpack(sampleWeight, made) as TrainingData["x"] }),
  };
}

function unpackLoss(loss: string | PackedLoss, made: Disposable[]): LossSpec {
  if (typeof loss !== "object" || loss === null) return loss as unknown as LossSpec;
  const { elementWeight, ...rest } = loss;
  if (elementWeight === undefined) return rest;
  return { ...rest, elementWeight: unpack(elementWeight, made) as TrainingData["x"] };
}

/** Runs `f`, and frees what was made for it. */
async function freeing<R>(f: (made: Disposable[]) => Promise<R>): Promise<R> {
  const made: Disposable[] = [];
  try {
    return await f(made);
  } finally {
    for (const one of made) one.dispose();
  }
}

async function fit(number: number, job: number, { trainer: settings, ...packed }: PackedFit): Promise<Ending> {
  const model = modelOf(number);
  if (fitting.has(model)) {
    throw new EvenkeelError("WRONG_MODE", "A fit of this model is running: one at a time.", { reason: "fitting" });
  }
  const controller = new AbortController();
  const { signal } = controller;
  let epochs: EpochResult[] = [];
  let step: StepInfo | undefined;
  let told = performance.now();
  const tell = (now = performance.now()) => {
    if (now - told < packed.progressInterval) return;
    told = now;
    void client.progress.asEvent(job, { epochs, step });
    epochs = [];
    step = undefined;
  };
  const onStep = (info: StepInfo) => {
    step = info;
    tell();
  };
  fitting.add(model);
  jobs.set(job, controller);
  try {
    return await freeing(async (made) => {
      const trainer = new Trainer(model, {
        ...settings,
        loss: unpackLoss(settings.loss, made),
      } as ConstructorParameters<typeof Trainer>[1]);
      made.push(trainer);
      const { validation } = packed;
      const options = {
        ...packed.rest,
        ...unpackData(packed.data, made),
        ...(validation === undefined
          ? {}
          : { validation: typeof validation === "object" ? unpackData(validation, made) : validation }),
        ...(packed.steps ? { onStep } : {}),
        signal,
      } as ArrayOptions;
      try {
        for await (const result of trainer.fit(options)) {
          epochs.push(result);
          tell();
        }
      } catch (error) {
        if (!signal.aborted || error !== signal.reason) {
          // The epochs before it are told first.
          tell(Number.POSITIVE_INFINITY);
          throw error;
        }
      }
      return { epochs, step, aborted: signal.aborted };
    });
  } finally {
    jobs.delete(job);
    fitting.delete(model);
  }
}

const calls: ThreadCalls = {
  async start(source, options) {
    await initFrom(options, { plain: () => source, other: (name) => client.wasm(name), read: bytesOf, workers });
    return backend();
  },
  load(source, seed) {
    if (seed !== undefined) manualSeed(seed);
    models.set(++loaded, source instanceof Uint8Array ? load(source) : new CoreModule(build(source)));
    return loaded;
  },
  fit,
  abort: (job) => jobs.get(job)?.abort(),
  predict(number, x, options) {
    const made: Disposable[] = [];
    try {
      const y = modelOf(number).predict(unpack(x, made) as TrainingData["x"], options);
      made.push(y);
      const data = y.toArray();
      return moving({ data, shape: [...y.shape] }, [data]);
    } finally {
      for (const one of made) one.dispose();
    }
  },
  evaluate: (number, data, loss, classWeight, options) =>
    freeing(async (made) => {
      const model = modelOf(number);
      const settings = { loss: unpackLoss(loss, made), ...(classWeight === undefined ? {} : { classWeight }) };
      const trainer = new Trainer(model, settings as ConstructorParameters<typeof Trainer>[1]);
      made.push(trainer);
      return trainer.evaluate(unpackData(data, made), options as EvaluateOptions);
    }),
  state: (number) => modelOf(number).state(),
  loadState: (number, state, strict) => modelOf(number).loadState(state, { strict }),
  save(number) {
    const file = modelOf(number).save();
    return moving(file, [file]);
  },
  summary: (number, input) => modelOf(number).summary(input),
  free(number) {
    models.get(number)?.dispose();
    models.delete(number);
  },
  memory,
  warnings,
};

interface Port {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  on?(event: "message", listener: (message: unknown) => void): void;
}

// In Node, and where it is played: parentPort. In a Web Worker: the global object itself.
const threads = builtin("node:worker_threads") as unknown as { parentPort?: Port | null } | undefined;
const port: Port = threads?.parentPort ?? (globalThis as unknown as Port);
const client: BirpcReturn<ClientCalls, ThreadCalls> = createBirpc<ClientCalls, ThreadCalls>(calls, {
  ...manners,
  post: (message) => port.postMessage(message, moved(message)),
  on: (listener) => {
    if (port.on !== undefined) port.on("message", listener);
    else addEventListener("message", ({ data }) => listener(data));
  },
});
