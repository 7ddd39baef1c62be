// Tensors from what people have, from nothing, and at random.
import {
  arange,
  eye,
  full,
  indices,
  linspace,
  manualSeed,
  oneHot,
  ones,
  rand,
  randint,
  randn,
  tensor,
  zeros,
} from "evenkeel";
import { describe, expect, it } from "vitest";
import { values } from "./support.js";

describe("creation", () => {
  it("from what people have", () => {
    for (const t of [
      tensor([
        [1, 2],
        [3, 4],
      ]),
      tensor([1, 2, 3, 4], [2, 2]),
      tensor(Float32Array.of(1, 2, 3, 4), [2, 2]),
      tensor({ data: Uint8Array.of(1, 2, 3, 4), shape: [2, 2] }),
      tensor([Float32Array.of(1, 2), Float64Array.of(3, 4)]),
    ]) {
      expect(t.shape).toEqual([2, 2]);
      expect(t.toNested()).toEqual([
        [1, 2],
        [3, 4],
      ]);
    }
    expect(tensor(7).shape).toEqual([]);
    expect(tensor(7).item()).toBe(7);
    expect(tensor([]).shape).toEqual([0]);
    expect(tensor([[], []]).shape).toEqual([2, 0]);
    expect(tensor([[[1], [2]]]).shape).toEqual([1, 2, 1]);
  });
  it("not from what is nested without end", () => {
    const inItself: unknown[] = [];
    inItself.push(inItself);
    const deep = JSON.parse(`${"[".repeat(50_000)}1${"]".repeat(50_000)}`) as number[];
    for (const data of [inItself as number[], deep]) {
      const message = "data should be at most 6 dimensions but is an array of 1.";
      expect(() => tensor(data)).toThrow(expect.objectContaining({ code: "BAD_ARGUMENT", message }));
    }
  });
  it("from nothing", () => {
    expect(values(zeros([2]))).toEqual([0, 0]);
    expect(values(ones([2]))).toEqual([1, 1]);
    expect(values(full([2], 2.5))).toEqual([2.5, 2.5]);
    expect(values(arange(3))).toEqual([0, 1, 2]);
    expect(values(arange(1, 2, 0.5))).toEqual([1, 1.5]);
    expect(values(linspace(0, 1, 3))).toEqual([0, 0.5, 1]);
    expect(eye(2).toNested()).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(oneHot([1, 0], 3).toNested()).toEqual([
      [0, 1, 0],
      [1, 0, 0],
    ]);
    expect(oneHot(indices([2]), 3).toNested()).toEqual([[0, 0, 1]]);
  });
  it("at random, the same for the same seed", () => {
    expect(values(rand([5], { seed: 3 }))).toEqual(values(rand([5], { seed: 3 })));
    expect(values(rand([5], { seed: 3 }))).not.toEqual(values(rand([5], { seed: 4 })));
    expect(values(rand([999], { seed: 1 })).every((v) => v >= 0 && v < 1)).toBe(true);
    const normal = randn([10_000], { seed: 1 });
    expect(Math.abs(normal.mean().item())).toBeLessThan(0.03);
    expect(Math.abs(normal.std().item() - 1)).toBeLessThan(0.03);
    expect(new Set(randint(3, [100], { seed: 1 }).toArray())).toEqual(new Set([0, 1, 2]));
    manualSeed(9);
    const first = values(rand([3]));
    expect(values(rand([3]))).not.toEqual(first);
    manualSeed(9);
    expect(values(rand([3]))).toEqual(first);
  });
});
