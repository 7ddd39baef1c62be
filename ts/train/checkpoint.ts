/** A whole training as one file. The core adds the state of a model of its own; that of one outside comes from here. */
import { type CoreLayer, type CoreTrainer, modelState } from "../../build/wasm/evenkeel.js";
import { call, coreError } from "../core.js";
import { joinFile, splitFile } from "../file.js";
import type { Features, Module } from "../nn/module.js";
import { packState, unpackState } from "../nn/state.js";

type Model = Module<Features, Features>;

// Their random states go with the training.
const layersOf = (model: Model): CoreLayer[] => model.coreModules().map(([, module]) => module.core.share());

/** The file. */
export function saveTraining(core: CoreTrainer, model: Model, outside: boolean): Uint8Array {
  if (!outside) return joinFile(call(() => core.save()));
  const state = packState(model.state());
  return joinFile(call(() => core.saveOutside(state, layersOf(model))));
}

/** Goes on from it; nothing changes if it does not fit. */
export function loadTraining(core: CoreTrainer, model: Model, outside: boolean, bytes: Uint8Array): void {
  const [header, values] = splitFile(bytes);
  if (!outside) {
    call(() => core.load(header, values));
    return;
  }
  const state = unpackState(call(() => modelState(header, values)));
  if (Object.values(model.checkState(state)).some((names) => names.length > 0)) {
    throw coreError("BAD_FILE", "", { reason: "the checkpoint is of another model" });
  }
  call(() => core.loadOutside(header, values, layersOf(model)));
  model.loadState(state);
}
