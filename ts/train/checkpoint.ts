/** A whole training as one file. The core adds the state of a model of its own; that of one outside comes from here. */
import { answer, begin, bytes, core, coreError, intRow, ints, must, release } from "../crossing.js";
import { fileRows, joinFile, splitFile } from "../file.js";
import type { Handle } from "../handle.js";
import type { Features, Module } from "../nn/module.js";
import { packState, unpackState } from "../nn/state.js";

type Model = Module<Features, Features>;

// Their random states go with the training.
const layersOf = (model: Model): number[] => model.coreModules().map(([, module]) => module.id);

/** The file. */
export function saveTraining(trainer: Handle, model: Model, outside: boolean): Uint8Array {
  if (!outside) must(core.saveTraining(trainer.id));
  else {
    const state = packState(model.state());
    try {
      const layers = layersOf(model);
      must(core.saveOutside(trainer.id, state, intRow(layers)));
    } finally {
      release(state);
    }
  }
  return joinFile(answer());
}

/** Goes on from it; nothing changes if it does not fit. */
export function loadTraining(trainer: Handle, model: Model, outside: boolean, file: Uint8Array): void {
  if (!outside) {
    must(core.loadTraining(trainer.id, ...fileRows(file)));
    return;
  }
  const state = unpackState(must(core.modelState(...fileRows(file))));
  if (Object.values(model.checkState(state)).some((names) => names.length > 0)) {
    throw coreError("BAD_FILE", "", { reason: "the checkpoint is of another model" });
  }
  const [header, values] = splitFile(file);
  const layers = layersOf(model);
  begin(4 * layers.length + header.length + values.length + 24);
  must(core.loadOutside(trainer.id, ints(layers), bytes(header), bytes(values)));
  model.loadState(state);
}
