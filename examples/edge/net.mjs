// The network of the edge examples: 8x8 digits in, a score for each digit out. The base finds features and is common to
// all; the head, a single layer, is what a person may have of one's own.
import { nn } from "evenkeel";

export const PIXELS = 64;
const CLASSES = 10;
const FEATURES = 64;

/** Pixels come as they are, from 0 to 16: batch norm evens out what a weight makes of them. */
export function digitsNet() {
  const base = nn.sequential(nn.dense(PIXELS, FEATURES), nn.batchNorm(FEATURES), nn.relu());
  return { base, model: nn.sequential(base, nn.dense(FEATURES, CLASSES)) };
}
