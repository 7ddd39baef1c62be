/** Gives the event loop its turn, so that a page or server lives on while a training runs. */

interface Hosts {
  scheduler?: { yield?: () => Promise<void> };
  setImmediate?: (f: () => void) => unknown;
}

/** Milliseconds of work between turns: with a step of a few it stays below a frame of 16. */
const budget = 10;

/** Lets other tasks run, then goes on. */
function turn(): Promise<void> {
  const { scheduler, setImmediate } = globalThis as Hosts;
  // setImmediate first: in Node scheduler.yield is a timer of a millisecond.
  if (setImmediate !== undefined) {
    return new Promise((resolve) => {
      try {
        setImmediate(resolve);
      } catch {
        // Next's edge functions have one that only throws.
        setTimeout(resolve, 0);
      }
    });
  }
  if (scheduler?.yield !== undefined) return scheduler.yield();
  return new Promise((resolve) => void setTimeout(resolve, 0));
}

/** Calls that return a promise when it is time for others to run. */
export class Pacer {
  #last = performance.now();

  /** Whether it is time. */
  get due(): boolean {
    return performance.now() - this.#last >= budget;
  }
  /** Lets others run. */
  async rest(): Promise<void> {
    await turn();
    this.#last = performance.now();
  }
}
