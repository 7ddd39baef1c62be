/** A model's values by name, on their way into the core, out of it, and in files. */
import { CoreState } from "../../build/wasm/evenkeel.js";
import { call } from "../core.js";
import { flatten, floats, type NumericArray } from "../tensor/input.js";

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
export const shapeOf = (value: StateValue): string => (typeof value === "number" ? "number" : String(value.shape));

/** @internal A state on its way into the core. */
export function packState(state: State): CoreState {
  const core = call(() => new CoreState());
  for (const [name, value] of Object.entries(state)) {
    if (typeof value === "number") call(() => core.pushInteger(name, value));
    else {
      const flat = flatten(value as { data: NumericArray; shape: readonly number[] }, undefined, name);
      call(() => core.push(name, floats(flat.data), Uint32Array.from(flat.shape)));
    }
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
  return unpackState(call(() => CoreState.fromBytes(bytes)));
}
