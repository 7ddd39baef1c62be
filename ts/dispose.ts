/** What handles of every kind share: the name under which `using` frees them, and the error after that. */
import { EvenkeelError } from "./errors.js";

// Bundlers and older hosts: without the symbol `using` is not there either.
export const dispose: typeof Symbol.dispose = (Symbol.dispose ?? Symbol.for("Symbol.dispose")) as typeof Symbol.dispose;

/** @internal */
export function disposed(what: string): EvenkeelError {
  return new EvenkeelError("DISPOSED", `This ${what} has been disposed of.`, { what });
}
