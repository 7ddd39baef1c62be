/**
 * Checks of arguments that the compiler cannot make (of values, and for callers without types). They stand before any
 * work: wasm takes -1 for four billion and 1.5 for 1 without a word, and JSON has no NaN.
 */
import { EvenkeelError } from "./errors.js";

/** @internal An argument with a value that makes no sense. */
export function badArgument(argument: string, expected: string, given: unknown): EvenkeelError {
  const shown = describe(given);
  return new EvenkeelError("BAD_ARGUMENT", `${argument} should be ${expected} but is ${shown}.`, {
    argument,
    expected,
    given: Number.isFinite(given) ? given : shown,
  });
}

function describe(x: unknown): string {
  if (typeof x === "string") return `"${x}"`;
  if (typeof x === "number" || typeof x === "boolean") return String(x);
  if (Array.isArray(x) && x.length <= 8 && x.every((v) => typeof v === "number")) return `[${x.join(", ")}]`;
  if (Array.isArray(x) || (ArrayBuffer.isView(x) && !(x instanceof DataView))) {
    return `an array of ${(x as ArrayLike<unknown>).length}`;
  }
  if (x === null || x === undefined) return String(x);
  return typeof x === "object" ? "an object" : `a ${typeof x}`;
}

/** @internal A whole number of at least `least` that the core can take. */
export function count(x: unknown, argument: string, least = 0): number {
  if (!Number.isInteger(x) || (x as number) < least || (x as number) > 0x7fffffff) {
    throw badArgument(argument, `a whole number of at least ${least}`, x);
  }
  return x as number;
}

/** @internal A whole number, negative ones too: an axis, an index. */
export function whole(x: unknown, argument: string): number {
  if (!Number.isInteger(x) || Math.abs(x as number) > 0x7fffffff) throw badArgument(argument, "a whole number", x);
  return x as number;
}

/** @internal A number that is neither NaN nor infinite. */
export function finite(x: unknown, argument: string): number {
  if (!Number.isFinite(x)) throw badArgument(argument, "a number", x);
  return x as number;
}

/** @internal Whether these are bytes, perhaps of another realm (a frame, a test environment). */
export const isBytes = (x: unknown): x is Uint8Array => Object.prototype.toString.call(x) === "[object Uint8Array]";

/** @internal The bytes of a file. */
export function bytesOf(x: unknown): Uint8Array {
  if (!isBytes(x)) throw badArgument("bytes", "a file as a Uint8Array", x);
  return x;
}

/** @internal A seed. */
export function seedOf(x: unknown, argument = "seed"): number {
  if (!Number.isSafeInteger(x) || (x as number) < 0) throw badArgument(argument, "a whole number from 0 to 2⁵³ − 1", x);
  return x as number;
}

/** @internal One of these names. */
export function oneOf<K extends string>(x: unknown, argument: string, names: readonly K[]): K {
  if (!names.includes(x as K)) {
    const all = names.map((n) => `"${n}"`);
    throw badArgument(argument, [...all.slice(0, -2), all.slice(-2).join(" or ")].join(", "), x);
  }
  return x as K;
}

/** What an option holds; `any` is checked elsewhere. */
type Kind = "number" | "number or null" | "boolean" | "string" | "function" | "array" | "any";
/** @internal The options something has. */
export type Options = Readonly<Record<string, Kind>>;

function holds(value: unknown, kind: Kind): boolean {
  if (kind === "any") return true;
  if (kind === "array") return Array.isArray(value);
  if (kind === "number or null" && value === null) return true;
  return kind.startsWith("number") ? Number.isFinite(value) : typeof value === kind;
}

/** @internal An option that is not there is an error, so is one of another kind; `undefined` is no option at all. */
export function checkOptions(owner: string, given: unknown, known: Options): void {
  if (typeof given !== "object" || given === null) throw badArgument(`${owner}'s options`, "an object", given);
  for (const [key, value] of Object.entries(given)) {
    const kind = Object.hasOwn(known, key) ? known[key] : undefined;
    if (kind === undefined) {
      throw new EvenkeelError(
        "UNKNOWN_OPTION",
        `${owner} has no option "${key}". Its options: ${Object.keys(known).join(", ")}.`,
        { owner, option: key, known: Object.keys(known) },
      );
    }
    if (value !== undefined && !holds(value, kind)) {
      throw badArgument(key, kind === "array" ? "an array" : `a ${kind}`, value);
    }
  }
}
