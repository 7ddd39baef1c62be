/**
 * The way into the core and back. Only numbers cross: those of its objects, and lengths of rows. Rows of arguments are
 * written to a stage in its memory right before the call, in the call's order; what a call leaves, numbers or bytes, is
 * read right after it. A call that fails gives 0, and `must` throws what the core says of it.
 */
import type { Exports } from "../build/wasm/evenkeel.js";
import { EvenkeelError } from "./errors.js";
import { messageOf, translated } from "./messages.js";
import type { Loaded } from "./runtime/loader.js";
import { decode } from "./wire.js";

/** The core that runs. Each function throws an `EvenkeelError` while there is none, and when it traps. */
export let core: Exports = refusing(
  () => new EvenkeelError("NOT_INITIALIZED", "evenkeel is not running yet: await init() first."),
);

let memory: WebAssembly.Memory | undefined;
let left: Float64Array;
let singles: Float32Array;
let integers: Int32Array;
let octets: Uint8Array;

/** Where the core leaves numbers. */
let numbersAt = 0;
/** The small stage, which stays where it is, and its bytes. */
let smallAt = 0;
let smallSize = 0;
/** Where the next row goes. */
let at = 0;
/** Whether the next call has to ask for a stage: the last one was made for one call, or there is no core. */
let ask = true;

function refusing(error: () => EvenkeelError): Exports {
  return new Proxy({} as Exports, {
    get() {
      throw error();
    },
  });
}

/** Calls go to this instance from now on; `trapped` makes an error of what a call throws. */
export function connect({ exports, memory: own }: Loaded, trapped: (cause: unknown) => unknown): void {
  // No function of the core takes more than six numbers (set-up checks it), and what one does not take it ignores.
  const guarded =
    (f: (...given: unknown[]) => unknown) =>
    (a: unknown, b: unknown, c: unknown, d: unknown, e: unknown, g: unknown): unknown => {
      try {
        return f(a, b, c, d, e, g);
      } catch (cause) {
        throw trapped(cause);
      }
    };
  const all = Object.entries(exports).filter(([, f]) => typeof f === "function");
  core = Object.fromEntries(all.map(([name, f]) => [name, guarded(f)])) as unknown as Exports;
  memory = own;
  numbersAt = core.numbers() >>> 0;
  viewsOf(buffer());
  smallSize = core.stageSize();
  smallAt = core.stage(0) >>> 0;
  ask = false;
}

/** Calls go nowhere from now on, and say why. */
export function disconnect(error: () => EvenkeelError): void {
  core = refusing(error);
  memory = undefined;
  ask = true;
  // The views would keep the memory.
  numbersAt = 0;
  viewsOf(new ArrayBuffer(64));
}

/** The core's memory, for views that are used at once: growth detaches them. */
export const buffer = (): ArrayBuffer => (memory as WebAssembly.Memory).buffer;

function viewsOf(all: ArrayBuffer): void {
  left = new Float64Array(all, numbersAt, 8);
  singles = new Float32Array(all);
  integers = new Int32Array(all);
  octets = new Uint8Array(all);
}

/** Makes the views anew when the memory has grown: they are then detached, or, where it is shared, too short. */
function look(): void {
  const now = buffer();
  if (left.buffer !== now) viewsOf(now);
}

const mostBytes = 2 ** 32 - 8;

/** Starts the rows of a call: each takes its bytes, made a multiple of eight. */
export function begin(bytes: number): void {
  if (ask || bytes > smallSize) {
    // More than a wasm can address is asked for as the most, which there is no room for either.
    at = must(core.stage(Math.min(bytes, mostBytes))) >>> 0;
    ask = bytes > smallSize;
  } else at = smallAt;
  look();
}

// A loop is faster than `set` for the short rows that shapes are.
const short = 16;

function put(view: Float32Array | Int32Array, row: ArrayLike<number>): number {
  const { length } = row;
  const from = at / 4;
  if (length > short) view.set(row, from);
  else for (let i = 0; i < length; i++) view[from + i] = row[i] as number;
  at += Math.ceil(length / 2) * 8;
  return length;
}

/** The next row, of floats; gives its length. */
export const floats = (row: ArrayLike<number>): number => put(singles, row);

/** The next row, of whole numbers. */
export const ints = (row: ArrayLike<number>): number => put(integers, row);

/** The next row, of bytes. */
export function bytes(row: Uint8Array): number {
  octets.set(row, at);
  at += Math.ceil(row.length / 8) * 8;
  return row.length;
}

/** A call's only row: whole numbers. */
export function intRow(row: ArrayLike<number>): number {
  begin(row.length * 4 + 4);
  return ints(row);
}

/** A call's only row: bytes. */
export function byteRow(row: Uint8Array): number {
  begin(row.length + 7);
  return bytes(row);
}

/** The eight numbers that the last call left, for use at once. */
export function numbers(): Float64Array {
  look();
  return left;
}

/** One of them. */
export const number = (place: number): number => numbers()[place] as number;

/** The bytes that the last call left. */
export function answer(): Uint8Array {
  const [from, length] = [core.answerAddress() >>> 0, core.answerLength()];
  const copy = new Uint8Array(buffer(), from, length).slice();
  core.dropAnswer();
  return copy;
}

/** The data that the last call left. */
export function told<T>(): T {
  return decode(answer()) as T;
}

/** What a call gave, unless it failed. */
export function must(given: number): number {
  if (given !== 0) return given;
  const [code, layer, data] = told<[code: string, layer: string, data: Record<string, unknown>]>();
  throw coreError(code, layer, translated(data));
}

/** An error with the text that belongs to its code. */
export function coreError(code: string, layer: string, data: Readonly<Record<string, unknown>>): EvenkeelError {
  return new EvenkeelError(code, messageOf(code, layer, data), layer === "" ? data : { ...data, layer });
}

/** An error that came out of a layer, told from a model that has this layer at `path`. */
export function placed(
  error: EvenkeelError,
  path: string,
  more: Readonly<Record<string, unknown>> = {},
): EvenkeelError {
  const { layer = "", ...data } = error.data as { layer?: string };
  return coreError(error.code, [path, layer].filter((p) => p !== "").join("."), translated({ ...data, ...more }));
}

/** Frees an object of the core; 0 is none, and a core that is dead has none. */
export function release(id: number): void {
  if (id !== 0 && memory !== undefined) core.release(id);
}
