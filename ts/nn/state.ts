/** A model's values by name, on their way into the core, out of it, and in files. */

import { CoreState } from "../../build/wasm/evenkeel.js";
import { badArgument, isBytes } from "../check.js";
import { call } from "../core.js";
import { splitFile } from "../file.js";
import { flatten, floats } from "../tensor/input.js";

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
  return { data: floats(data), shape };
}

/** @internal A state, checked, on its way into the core. */
export function packState(state: State): CoreState {
  const core = call(() => new CoreState());
  for (const [name, value] of Object.entries(state)) {
    if (typeof value === "number") call(() => core.pushInteger(name, value));
    else call(() => core.push(name, value.data, Uint32Array.from(value.shape)));
  }
  return core;
}

/** @internal A state that came out of the core; frees it. */
export function unpackState(core: CoreState): State {
  const state: State = {};
  for (const [i, name] of call(() => core.names()).entries()) {
    const shape = call(() => core.shape(i));
    state[name] = shape === undefined ? core.integer(i) : { data: core.data(i), shape: Array.from(shape) };
  }
  core.free();
  return state;
}

/** The values in a safetensors file, whoever wrote it (PyTorch's `save_file`, for one). */
export function readState(bytes: Uint8Array): State {
  return unpackState(call(() => CoreState.fromParts(...splitFile(bytes))));
}
