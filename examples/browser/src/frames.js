// The longest time between two frames: what a visitor would feel as a stutter.

/** Watches from now on; the function it gives ends that and tells, in milliseconds. */
export function watchFrames() {
  let longest = 0;
  let last;
  let on = true;
  const look = (time) => {
    if (last !== undefined) longest = Math.max(longest, time - last);
    last = time;
    if (on) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  return () => {
    on = false;
    return longest;
  };
}
