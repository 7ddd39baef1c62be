/** What handles of every kind share: how `using` frees them, and the error after that. */
import { EvenkeelError } from "./errors.js";

// Bundlers and older hosts: without the symbol `using` is not there either.
const dispose: typeof Symbol.dispose = (Symbol.dispose ?? Symbol.for("Symbol.dispose")) as typeof Symbol.dispose;

/** What `using` frees. The one class with such a method of its own: bundlers keep every class that has one. */
export abstract class Held {
  /** Frees it. Calling again does nothing. */
  abstract dispose(): void;

  /** The same, for `using`. */
  [dispose](): void {
    this.dispose();
  }
}

/** @internal */
export function disposed(what: string): EvenkeelError {
  return new EvenkeelError("DISPOSED", `This ${what} has been disposed of.`, { what });
}
