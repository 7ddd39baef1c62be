// One line when a piece of the set-up begins, one when it ends. On stderr, so that the output of the commands
// that set up first (`npm pack --json`) stays theirs.

const prefix = "[set-up]";
let announced = 0;

/** Says what begins and about how long it takes; the returned function says that it is done. */
export function announce(what, about) {
  announced += 1;
  const started = performance.now();
  process.stderr.write(`${prefix} ${what} (about ${about}) ...\n`);
  return (result) => {
    const took = duration(performance.now() - started);
    process.stderr.write(`${prefix}   ${result ?? "done"}, ${took}\n`);
  };
}

/** How many pieces had work to do in this process. */
export function announcedCount() {
  return announced;
}

export function note(text) {
  process.stderr.write(`${prefix} ${text}\n`);
}

export function duration(ms) {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

export function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(1)} kB`;
}
