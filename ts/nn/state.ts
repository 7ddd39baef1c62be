/** A model's values by name, on their way into the core, out of it, and in files. */

import { badArgument, isBytes } from "../check.js";
import { begin, buffer, byteRow, bytes, core, floats, ints, must, release, told } from "../crossing.js";
import { fileRows } from "../file.js";
import { flatten } from "../tensor/input.js";

/** One entry of a state: values with a shape, or a whole number (`num_batches_tracked`). */
export type StateValue = { readonly data: Float32Array; readonly shape: readonly number[] } | number;

/** A model's values by PyTorch's names: `0.weight`, `1.running_mean`, ... */
export type State = Record<string, StateValue>;

/** What did not fit when a state was loaded. */
export interface StateReport {
  readonly missing: string[];
  readonly unexpected: string[];
  readonly misshapen: string[];
}

/** @internal What has to agree for a value to fit. */
export const shapeOf = (value: StateValue): string =>
  typeof value !== "number" ? String(value.shape) : value < 0 ? "below 0" : "count";

/** @internal A state as it was given, or read from a file: checked as a whole, before anything of it is used. */
export function takeState(state: State | Uint8Array): State {
  if (isBytes(state)) return readState(state);
  if (Object.prototype.toString.call(state) !== "[object Object]") {
    throw badArgument("state", "values by name, or a safetensors file as a Uint8Array", state);
  }
  return Object.fromEntries(Object.entries(state).map(([name, value]) => [name, takeValue(value, name)]));
}

function takeValue(value: StateValue, name: string): StateValue {
  if (typeof value === "number") {
    if (!Number.isInteger(value)) throw badArgument(name, "{ data, shape }, or a whole number", value);
    return value;
  }
  const { data, shape } = flatten(value, undefined, name);
  return { data: data instanceof Float32Array ? data : Float32Array.from(data), shape };
}

/** @internal A state, checked, on its way into the core: the caller's to release. */
export function packState(state: State): number {
  const made = core.makeState();
  try {
    for (const [key, value] of Object.entries(state)) {
      const name = new TextEncoder().encode(key);
      if (typeof value === "number") core.statePushInteger(made, byteRow(name), value);
      else {
        begin(name.length + 4 * (value.data.length + value.shape.length) + 24);
        core.statePush(made, bytes(name), floats(value.data), ints(value.shape));
      }
    }
    return made;
  } catch (error) {
    release(made);
    throw error;
  }
}

/** @internal A state that came out of the core; releases it. */
export function unpackState(id: number): State {
  const state: State = {};
  core.stateEntries(id);
  for (const [i, [name, value]] of told<[name: string, value: number | readonly number[]][]>().entries()) {
    if (typeof value === "number") state[name] = value;
    else {
      const size = value.reduce((a, b) => a * b, 1);
      const data = new Float32Array(buffer(), core.stateAddress(id, i) >>> 0, size).slice();
      state[name] = { data, shape: value };
    }
  }
  release(id);
  return state;
}

/** The values in a safetensors file, whoever wrote it (PyTorch's `save_file`, for one). */
export function readState(file: Uint8Array): State {
  return unpackState(must(core.stateFromParts(...fileRows(file))));
}
