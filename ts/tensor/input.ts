/** What people may hand over as data, and how it becomes numbers with a shape. */
import { badArgument, whole } from "../check.js";
import { EvenkeelError } from "../errors.js";

/** Numbers in a row. */
export type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | readonly number[];

/** Arrays in arrays: `[[1, 2], [3, 4]]`. Rows of unequal length are an error. */
export type NestedArray = readonly (number | NestedArray | Float32Array | Float64Array)[];

/** Numbers and their shape, row-major. */
export interface Shaped {
  readonly data: NumericArray;
  readonly shape: readonly number[];
}

/** @internal Numbers and their shape, ready for the core. */
export interface Flat {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
}

type Nest = ArrayLike<number | Nest>;

function isNest(x: unknown): x is Nest {
  return Array.isArray(x) || (ArrayBuffer.isView(x) && !(x instanceof DataView));
}

/** @internal Data as numbers and shape; `shape` is the caller's, if it has one. */
export function flatten(data: unknown, shape: readonly number[] | undefined, argument: string): Flat {
  if (typeof data === "number") return fit({ data: [data], shape: [] }, shape, argument);
  if (typeof data === "object" && data !== null && "data" in data && "shape" in data) {
    const shaped = data as Shaped;
    return flatten(shaped.data, shape ?? shaped.shape, argument);
  }
  if (!isNest(data)) throw badArgument(argument, "numbers, nested arrays, or { data, shape }", data);
  if (typeof data[0] === "number" || data.length === 0) {
    if (Array.isArray(data)) checkNumbers(data, argument, "");
    return fit({ data: data as ArrayLike<number>, shape: [data.length] }, shape, argument);
  }
  const dims: number[] = [];
  for (let at: unknown = data; isNest(at); at = at[0]) {
    dims.push(at.length);
    // An array may be in itself. How many axes a tensor may have is the core's to say.
    if (dims.length > 99) throw badArgument(argument, "at most 6 dimensions", data);
  }
  const out = new Float32Array(dims.reduce((a, b) => a * b, 1));
  let next = 0;
  const walk = (level: Nest, depth: number, path: string): void => {
    if (level.length !== dims[depth]) {
      throw new EvenkeelError(
        "RAGGED",
        `${argument}${path} has ${level.length} values where ${argument}${path.replace(/\d+\]$/, "0]")} has ${dims[depth]}.`,
        { argument, row: Number.parseInt(path.slice(1), 10), place: path, expected: dims[depth], given: level.length },
      );
    }
    const last = depth === dims.length - 1;
    for (let i = 0; i < level.length; i++) {
      const item = level[i];
      if (last) {
        if (typeof item !== "number") throw badArgument(`${argument}${path}[${i}]`, "a number", item);
        out[next++] = item;
      } else {
        if (!isNest(item)) throw badArgument(`${argument}${path}[${i}]`, `an array of ${dims[depth + 1]}`, item);
        walk(item, depth + 1, `${path}[${i}]`);
      }
    }
  };
  walk(data, 0, "");
  return fit({ data: out, shape: dims }, shape, argument);
}

function checkNumbers(data: readonly unknown[], argument: string, path: string): void {
  for (let i = 0; i < data.length; i++) {
    if (typeof data[i] !== "number") throw badArgument(`${argument}${path}[${i}]`, "a number", data[i]);
  }
}

function fit(flat: Flat, shape: readonly number[] | undefined, argument: string): Flat {
  if (shape === undefined) return flat;
  const size = checkShape(shape, argument).reduce((a, b) => a * b, 1);
  if (size !== flat.data.length) {
    throw new EvenkeelError(
      "SHAPE_MISMATCH",
      `${argument} has ${flat.data.length} values, which do not fill the shape [${shape.join(", ")}] of ${size}.`,
      { argument, given: flat.data.length, shape: [...shape] },
    );
  }
  return { data: flat.data, shape };
}

/** @internal A shape of whole numbers. */
export function checkShape(shape: readonly number[], argument: string): readonly number[] {
  for (const d of shape) {
    if (!Number.isInteger(d) || d < 0 || d > 0xffffffff)
      throw badArgument(`${argument}'s shape`, "whole numbers of at least 0", shape);
  }
  return shape;
}

/** One axis, several, or (undefined) all. Negative ones count from the back. */
export type Axes = number | readonly number[];

/** @internal Axes as the core takes them; none are all. */
export function axesOf(axes: Axes | undefined, rank: number): readonly number[] {
  const all = axes === undefined ? [] : typeof axes === "number" ? [axes] : axes;
  if (new Set(all.map((a) => (a < 0 ? a + rank : a))).size < all.length)
    throw badArgument("axes", "each axis once", all);
  return all.map((a) => whole(a, "axis"));
}

/** @internal As the core takes labels: whole numbers, or an error that names the row. */
export function labels(data: ArrayLike<number>, argument: string): Int32Array {
  if (data instanceof Int32Array) return data;
  const out = new Int32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const label = data[i] as number;
    if (label !== (label | 0)) {
      throw new EvenkeelError("BAD_LABEL", `${argument}[${i}] is ${label}: labels and indices are whole numbers.`, {
        argument,
        row: i,
        given: String(label),
      });
    }
    out[i] = label;
  }
  return out;
}
