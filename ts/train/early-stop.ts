/** Ends a training when a number stops improving, and remembers the best weights. */
import type { State } from "../nn/state.js";
import type { EpochResult } from "./fit.js";

/** Settings of early stopping. */
export interface EarlyStopping {
  /** Watched on the validation rows, or on the training rows if there are none: `loss` (default), `accuracy`, or a metric's name. */
  readonly monitor?: string;
  /** Epochs without improvement after which to stop; 3. */
  readonly patience?: number;
  /** What counts as an improvement; 0. */
  readonly minDelta?: number;
  /** Whether less or more is better; `min` for the loss, else `max`. */
  readonly mode?: "min" | "max";
  /** Whether the model ends with the weights of the best epoch; true. */
  readonly restoreBest?: boolean;
}

/** The state of early stopping. */
export class EarlyStop {
  readonly #options: EarlyStopping;
  #best = Number.NaN;
  #bad = 0;
  #state: State | undefined;

  constructor(options: EarlyStopping) {
    this.#options = options;
  }
  /** Takes an epoch's result; whether it is time to stop. */
  observe(result: EpochResult, state: () => State): boolean {
    const { monitor = "loss", patience = 3, minDelta = 0, restoreBest = true } = this.#options;
    const better = (this.#options.mode ?? (monitor === "loss" ? "min" : "max")) === "min" ? -1 : 1;
    const from = result.validation ?? result;
    const metrics: Readonly<Record<string, number>> = result.validation?.metrics ?? {};
    const value =
      monitor === "loss" ? from.loss : monitor === "accuracy" ? from.accuracy : (metrics[monitor] ?? Number.NaN);
    if (Number.isNaN(this.#best) ? !Number.isNaN(value) : (value - this.#best) * better > minDelta) {
      this.#best = value;
      this.#bad = 0;
      if (restoreBest) this.#state = state();
    } else this.#bad++;
    return this.#bad >= patience;
  }
  /** The best epoch's values, unless they are not to be restored. */
  best(): State | undefined {
    return this.#state;
  }
}
