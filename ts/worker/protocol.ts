/**
 * What crosses between a program and its worker: the calls of each side, data on its way, and errors, which come out as
 * what they were. Both sides are built from this file, but no part of it needs the core.
 */
import type { BirpcOptions } from "birpc";
import type {
  Backend,
  EpochResult,
  Evaluation,
  InitOptions,
  Memory,
  NumericArray,
  nn,
  State,
  StateReport,
  StepInfo,
  TrainerOptions,
  Warning,
  WasmSource,
} from "evenkeel";
import { EvenkeelError } from "../errors.js";
import type { BuildName } from "../runtime/builds.js";

/** Numbers, as JavaScript's engines copy and move them. */
export type Numbers = Extract<NumericArray, ArrayBufferView>;

/** Data on its way: what it was (a `Tensor`, `Indices`, or arrays), since the trainer takes them differently. */
export interface Packed {
  readonly kind: "tensor" | "indices" | "plain";
  readonly data: Numbers;
  readonly shape: readonly number[];
}

/** Inputs, targets and weights on their way. */
export interface PackedData {
  readonly x: Packed;
  readonly y: Packed;
  readonly sampleWeight?: Packed | undefined;
}

/** A loss on its way. */
export type PackedLoss = Omit<nn.LossSpec, "elementWeight"> & { readonly elementWeight?: Packed };

type Own = "loss" | "optimizer" | "classWeight" | "average";

/** A training on its way. What is not data goes as it is. */
export interface PackedFit {
  readonly data: PackedData;
  readonly validation: number | PackedData | undefined;
  readonly trainer: Omit<TrainerOptions, Own> & {
    readonly loss: string | PackedLoss;
    readonly optimizer?: unknown;
    readonly classWeight?: unknown;
  };
  readonly rest: Record<string, unknown>;
  /** Milliseconds between reports, at least. */
  readonly progressInterval: number;
  /** Whether steps are wanted too. */
  readonly steps: boolean;
}

/** What a training tells of itself: the epochs since it did so last, and the newest step. */
export interface Progress {
  readonly epochs: readonly EpochResult[];
  readonly step: StepInfo | undefined;
}

/** How a training ended. */
export type Ending = Progress & { readonly aborted: boolean };

/** What the worker does when it is asked to. */
export interface ThreadCalls {
  start(source: WasmSource, options: Pick<InitOptions, "math" | "threads">): Promise<Backend>;
  load(source: Uint8Array | nn.Spec, seed: number | undefined): number;
  fit(model: number, job: number, fit: PackedFit): Promise<Ending>;
  abort(job: number): void;
  predict(model: number, x: Packed, options: nn.PredictOptions): { data: Float32Array; shape: readonly number[] };
  evaluate(
    model: number,
    data: PackedData,
    loss: string | PackedLoss,
    classWeight: unknown,
    options: object,
  ): Promise<Evaluation>;
  state(model: number): State;
  loadState(model: number, state: State | Uint8Array, strict: boolean): StateReport;
  save(model: number): Uint8Array;
  summary(model: number, input: readonly number[] | undefined): string;
  free(model: number): void;
  memory(): Memory;
  warnings(): Warning[];
}

/** What the program does when the worker asks. */
export interface ClientCalls {
  progress(job: number, progress: Progress): void;
  /** Another build of the core. */
  wasm(name: Exclude<BuildName, "">): Promise<WasmSource>;
}

const moves = new WeakMap<object, readonly ArrayBufferView[]>();

/** Marks arrays inside a message as moved, not copied. */
export function moving<T extends object>(value: T, arrays: readonly ArrayBufferView[]): T {
  moves.set(value, arrays);
  return value;
}

interface Message {
  readonly a?: readonly unknown[];
  readonly r?: unknown;
  readonly e?: unknown;
}

/** The buffers that are moved with a message: shared ones cannot be, and each goes once. */
export function moved({ a = [], r }: Message): ArrayBuffer[] {
  const arrays = [...a, r].flatMap((part) => moves.get(Object(part)) ?? []);
  return [...new Set(arrays.map(({ buffer }) => buffer))].filter(
    (buffer): buffer is ArrayBuffer => Object.prototype.toString.call(buffer) === "[object ArrayBuffer]",
  );
}

interface PackedError {
  readonly evenkeel: true;
  readonly code: string;
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly cause: unknown;
}

const serialize = (message: Message): Message => {
  const { e } = message;
  if (!(e instanceof EvenkeelError)) return message;
  const { code, data } = e;
  // The engine's copy of an error has its text, but neither code nor data.
  const cause = e.cause instanceof Error ? e.cause : undefined;
  return { ...message, e: { evenkeel: true, code, message: e.message, data, cause } satisfies PackedError };
};

const deserialize = (message: Message): Message => {
  const e = Object(message).e as Partial<PackedError> | undefined;
  if (e?.evenkeel !== true) return message;
  const { code, message: text, data, cause } = e as PackedError;
  return { ...message, e: new EvenkeelError(code, text, data, cause) };
};

/** How both sides speak. A training takes the time it takes: no call ends by the clock. */
export const manners = { serialize, deserialize, timeout: -1 } satisfies Partial<BirpcOptions>;
