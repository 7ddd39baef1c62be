// The gestures to tell apart, and recordings of them for who has no time to wave: made by a formula with noise.
import { rate } from "./features.js";

export const gestures = ["Circle", "Side to side", "Up and down", "Hold still"];

/** A small generator of numbers in 0..1, the same each time. */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Speeds of a hand that makes a gesture for some seconds, in its own tempo, size and slant. */
function perform(gesture, seconds, random) {
  const tempo = 0.6 + random() * 1.4;
  const size = 50 + random() * 120;
  const slant = (random() - 0.5) * 0.6;
  const start = random() * 2 * Math.PI;
  const direction = random() < 0.5 ? -1 : 1;
  const recording = [];
  for (let i = 0; i < seconds * rate; i++) {
    const t = i / rate;
    const angle = start + 2 * Math.PI * tempo * t + 0.4 * Math.sin(1.7 * t + start);
    const beat = 2 * Math.PI * tempo * size * Math.cos(angle);
    const other = -2 * Math.PI * tempo * size * Math.sin(angle) * direction;
    const along = [
      [beat, other],
      [beat, 0.12 * other],
      [0.12 * other, beat],
      [0.02 * beat, 0.02 * other],
    ][gesture];
    const noise = () => (random() - 0.5) * (gesture === 3 ? 16 : 130);
    const [x, y] = along;
    recording.push([
      x * Math.cos(slant) - y * Math.sin(slant) + noise(),
      x * Math.sin(slant) + y * Math.cos(slant) + noise(),
    ]);
  }
  return recording;
}

/** Sample recordings, one at a time so that the page can breathe between them: `[gesture, recording]`. */
export function* sampleRecordings(takes = 8, seconds = 8) {
  const random = randomFrom(7);
  for (let take = 0; take < takes; take++) {
    for (const gesture of gestures.keys()) yield [gesture, perform(gesture, seconds, random)];
  }
}
