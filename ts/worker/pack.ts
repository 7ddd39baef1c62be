/**
 * Data and settings on their way into the worker. Everything is checked here that could not cross; the rest is checked
 * there, by the same code as without a worker.
 */
import type {
  ArrayOptions,
  EpochResult,
  metrics,
  NumericArray,
  nn,
  optim,
  StepInfo,
  TrainerOptions,
  TrainingData,
} from "evenkeel";
import { checkOptions, isBytes, type Options } from "../check.js";
import { EvenkeelError } from "../errors.js";
import { flatten } from "../tensor/input.js";
import { moving, type Numbers, type Packed, type PackedData, type PackedFit, type PackedLoss } from "./protocol.js";

/** Settings that are the trainer's where there is no worker. */
type TrainerPart = Omit<TrainerOptions, "loss" | "optimizer" | "classWeight" | "average">;
/** Settings that are `fit`'s. */
type FitPart = Omit<ArrayOptions, "batches" | "metrics" | "onStep">;

/** A loss that can be sent: by name, or with settings. */
export interface RemoteLoss {
  /** The loss: a name, or a name with settings. */
  readonly loss: nn.LossName | nn.LossSpec;
  /** Weight of each class in a class loss. */
  readonly classWeight?: NumericArray;
}

/**
 * What to train on, how, and how long: the options of a `Trainer` and of its `fit` in one, but for those that cannot be
 * sent (functions as losses or metrics, groups of parameters, `batches`, `average`).
 */
export interface RemoteFitOptions extends TrainerPart, FitPart, RemoteLoss {
  /** The optimizer; Adam by default. */
  readonly optimizer?: optim.OptimizerSpec;
  /** Computed on the validation data after each epoch. */
  readonly metrics?: readonly metrics.MetricName[];
  /** Called for each epoch, in order. Several may come together: see `progressInterval`. */
  readonly onEpoch?: (result: EpochResult) => void;
  /** Called with the newest step, at most once each `progressInterval`. */
  readonly onStep?: (info: StepInfo) => void;
  /** Milliseconds between two reports of the worker, at least; 50. */
  readonly progressInterval?: number;
  /** Whether typed arrays in the data are moved, which leaves them empty here, rather than copied; false. */
  readonly transfer?: boolean;
}

/** What a remote model is evaluated by. */
export interface RemoteEvaluateOptions extends RemoteLoss {
  readonly metrics?: readonly metrics.MetricName[];
  /** Rows at a time; 256. */
  readonly batchSize?: number;
  /** Whether typed arrays in the data are moved, which leaves them empty here, rather than copied; false. */
  readonly transfer?: boolean;
}

/** @internal Something that lives here alone. */
export function cannotCross(what: string, why: string, instead: string): EvenkeelError {
  return new EvenkeelError("CANNOT_CROSS", `${what} cannot be sent to a worker: ${why}. ${instead}`, { what });
}

const ownWorker = "Train without a worker, or write a worker of your own that imports evenkeel.";

interface HandleLike {
  readonly shape: readonly number[];
  toArray(): Float32Array | Int32Array;
}

// By its looks: to import the classes would bring the core's border to programs that only send arrays.
const isHandle = (x: unknown): x is HandleLike =>
  typeof x === "object" && x !== null && "toArray" in x && typeof x.toArray === "function" && "shape" in x;

/** @internal Data on its way. The caller's typed arrays are copied, unless they are to be moved. */
export function pack(value: unknown, argument: string, transfer: boolean): Packed {
  if (isHandle(value)) {
    const data = value.toArray();
    return { kind: data instanceof Int32Array ? "indices" : "tensor", data: data as Numbers, shape: [...value.shape] };
  }
  const { data, shape } = flatten(value, undefined, argument);
  return { kind: "plain", data: owned(data, value, transfer), shape: [...shape] };
}

function owned(data: ArrayLike<number>, value: unknown, transfer: boolean): Numbers {
  if (!ArrayBuffer.isView(data)) return Float64Array.from(data);
  // Of nested arrays flatten has made it, for nobody else. Not the array's own `slice`: that of a Buffer copies nothing.
  return (transfer || Array.isArray(value) ? data : Uint8Array.prototype.slice.call(data)) as Numbers;
}

const dataOptions: Options = { x: "any", y: "any", sampleWeight: "any" };

/** @internal */
export function packData({ x, y, sampleWeight }: TrainingData, transfer: boolean): PackedData {
  const packed: PackedData = {
    x: pack(x, "x", transfer),
    y: pack(y, "y", transfer),
    sampleWeight: sampleWeight === undefined ? undefined : pack(sampleWeight, "sampleWeight", transfer),
  };
  return moving(packed, arraysOf(packed));
}

const arraysOf = (data: PackedData): ArrayBufferView[] =>
  [data.x, data.y, data.sampleWeight].flatMap((part) => (part === undefined ? [] : [part.data]));

/** @internal */
export function packLoss(loss: nn.LossName | nn.LossSpec): string | PackedLoss {
  if (typeof loss === "function") {
    throw cannotCross("loss", "it is a function", `Take one of the built-in losses. ${ownWorker}`);
  }
  if (typeof loss !== "object" || loss === null) return loss;
  const { elementWeight, ...rest } = loss;
  return { ...rest, ...(elementWeight === undefined ? {} : { elementWeight: pack(elementWeight, "weight", false) }) };
}

/** @internal */
export function checkMetrics(metrics: readonly unknown[] | undefined): void {
  if (metrics === undefined || !Array.isArray(metrics) || metrics.every((metric) => typeof metric !== "object")) return;
  throw cannotCross(
    "metrics",
    "a metric of one's own is a function",
    "Name built-in ones, or compute it from predict.",
  );
}

const trainerOptions = ["seed", "accumulate", "clip", "schedule", "classWeight", "optimizer"];
const fitOptions: Options = {
  ...dataOptions,
  ...Object.fromEntries(["loss", ...trainerOptions, "signal", "validation"].map((name) => [name, "any"])),
  ...Object.fromEntries(["epochs", "batchSize", "shuffle", "lastBatch", "stratify"].map((name) => [name, "any"])),
  ...Object.fromEntries(["evaluationBatchSize", "earlyStopping", "metrics"].map((name) => [name, "any"])),
  onEpoch: "function",
  onStep: "function",
  progressInterval: "number",
  transfer: "boolean",
};

/** @internal */
export function packFit(options: RemoteFitOptions): PackedFit {
  if (Object(options).batches !== undefined) {
    throw cannotCross("batches", "an iterable lives where it was made", "Give x and y, or call fit for each part.");
  }
  checkOptions("fit", options, fitOptions);
  const { x, y, sampleWeight, validation, loss, transfer = false, progressInterval = 50 } = options;
  if (Array.isArray(options.optimizer)) {
    throw cannotCross("optimizer", "groups hold parameters of a model that is here", "Give settings for all of them.");
  }
  checkMetrics(options.metrics);
  const { onEpoch: _, onStep, signal: __, ...plain } = options;
  const all = Object.entries(plain).filter(([, value]) => value !== undefined);
  const part = (names: readonly string[]) => Object.fromEntries(all.filter(([name]) => names.includes(name)));
  const sent = ["loss", "transfer", "progressInterval", "validation", ...Object.keys(dataOptions)];
  const data = packData({ x, y, sampleWeight }, transfer);
  const held = typeof validation === "object" ? checkedData(validation, transfer) : validation;
  const packed: PackedFit = {
    data,
    validation: held,
    trainer: { ...part(trainerOptions), loss: packLoss(loss) },
    rest: Object.fromEntries(all.filter(([name]) => ![...trainerOptions, ...sent].includes(name))),
    progressInterval,
    steps: onStep !== undefined,
  };
  return moving(packed, [...arraysOf(data), ...(typeof held === "object" ? arraysOf(held) : [])]);
}

function checkedData(data: TrainingData, transfer: boolean): PackedData {
  checkOptions("validation", data, dataOptions);
  return packData(data, transfer);
}

/** A model of built-in layers: what `nn.sequential` and the like give. */
export interface CoreModuleLike {
  readonly spec: nn.Spec;
  save(): Uint8Array;
  summaryRows(): readonly { readonly path: string; readonly frozen: boolean }[];
}

/** @internal A model as its file, or what describes it. */
export function packModel(model: CoreModuleLike | Uint8Array | nn.Spec): Uint8Array | nn.Spec {
  if (isBytes(model)) return model;
  const { save, forward, type } = Object(model);
  if (typeof save !== "function") {
    if (typeof type === "string") return model as nn.Spec;
    throw new EvenkeelError(
      "BAD_ARGUMENT",
      "The model should be one of built-in layers, the file that save() gives, or a description such as model.spec.",
      { argument: "model" },
    );
  }
  const { spec, summaryRows } = model as CoreModuleLike;
  if (spec === undefined || typeof forward !== "function") {
    throw cannotCross("The model", "it has JavaScript classes of your own, and code stays where it is", ownWorker);
  }
  const frozen = summaryRows.call(model).find((row) => row.frozen);
  if (frozen !== undefined) {
    const place = frozen.path === "" ? "The model" : `Layer ${frozen.path}`;
    throw cannotCross(place, "it is frozen, and the file of a model does not say so", `freeze(false) it. ${ownWorker}`);
  }
  return (model as CoreModuleLike).save();
}
