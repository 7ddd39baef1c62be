/** Gives the event loop its turn, so that a page or server lives on while a training runs. */

interface Hosts {
  setImmediate?: (f: () => void) => unknown;
}

/** Milliseconds of work between turns: with a step of a few it stays below a frame of 16. */
const budget = 10;

/** Lets other tasks run, then goes on. */
function turn(): Promise<void> {
  const { setImmediate } = globalThis as Hosts;
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
  // Not by scheduler.yield: Chromium lets what goes on after it overtake messages and timers, which then never have their
  // turn. A message stands in line with the others, and unlike a timer of 0 ms it does not wait for 4.
  if (typeof MessageChannel === "function") {
    return new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(undefined);
    });
  }
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
