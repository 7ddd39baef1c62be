// What the unit tests share: the core running, small data, and errors as values.
import { type EpochResult, EvenkeelError, type FitOptions, init, manualSeed, nn, type Trainer } from "evenkeel";
import { expect } from "vitest";

await init();

/** The EvenkeelError that `f` throws; anything else fails the test. */
export function caught(f: () => unknown): EvenkeelError {
  try {
    f();
  } catch (error) {
    expect(error).toBeInstanceOf(EvenkeelError);
    return error as EvenkeelError;
  }
  throw new Error("this should have thrown");
}

/** The same of something asynchronous. */
export async function rejected(f: () => Promise<unknown>): Promise<EvenkeelError> {
  try {
    await f();
  } catch (error) {
    expect(error).toBeInstanceOf(EvenkeelError);
    return error as EvenkeelError;
  }
  throw new Error("this should have been rejected");
}

/** All epochs of a fit. */
export async function run(trainer: Trainer, options: FitOptions): Promise<EpochResult[]> {
  const epochs: EpochResult[] = [];
  for await (const epoch of trainer.fit(options)) epochs.push(epoch);
  return epochs;
}

/** A model's values as plain data, to compare bit for bit. */
export function bits(model: nn.Module<nn.Features, nn.Features>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(model.state()).map(([name, value]) => [
      name,
      typeof value === "number" ? value : [value.shape, Array.from(new Uint32Array(value.data.slice().buffer))],
    ]),
  );
}

/** Numbers that look random and are always the same, in -1..1. */
export function numbers(n: number, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** Rows of features and a class each, which a small net can learn. */
export function classData(rows: number, features = 4, classes = 3, seed = 1) {
  const data = numbers(rows * features, seed);
  const y = Array.from({ length: rows }, (_, r) => {
    const row = data.subarray(r * features, (r + 1) * features);
    let best = 0;
    for (let c = 1; c < classes; c++) if ((row[c] as number) > (row[best] as number)) best = c;
    return best;
  });
  return { x: { data, shape: [rows, features] as const }, y };
}

/** The first rows of such data, or others. */
export function rowsOf(d: ReturnType<typeof classData>, from: number, to: number) {
  const width = d.x.shape[1];
  return {
    x: { data: d.x.data.subarray(from * width, to * width), shape: [to - from, width] as const },
    y: d.y.slice(from, to),
  };
}

/** A small classifier with batch norm, the same each time. */
export function classifier(seed = 5) {
  manualSeed(seed);
  return nn.sequential(nn.dense(4, 8), nn.batchNorm(8), nn.relu(), nn.dense(8, 3));
}

/** The values of a tensor as numbers. */
export const values = (t: { toArray(): ArrayLike<number> }): number[] => Array.from(t.toArray());
