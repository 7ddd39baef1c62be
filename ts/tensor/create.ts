/** Tensors from nothing, joined tensors, random numbers, and running without recording. */
import { count, finite, seedOf, whole } from "../check.js";
import { core, intRow, must } from "../crossing.js";
import { checkShape } from "./input.js";
import { Indices, idOf, indices, Tensor, type TensorLike, tensorFrom } from "./tensor.js";

const sizes = (shape: readonly number[]): number => intRow(checkShape(shape, "shape"));

/** A seed of its own, instead of the module-wide generator. */
export interface Seed {
  /** A whole number from 0 to 2⁵³ − 1. */
  readonly seed?: number;
}

const draw = ({ seed }: Seed): number => (seed === undefined ? Number.NaN : seedOf(seed));

/** A tensor of these values: nested arrays, a typed array with a shape, a number. */
export function tensor(data: Exclude<TensorLike, Tensor>, shape?: readonly number[]): Tensor {
  return new Tensor(tensorFrom(data, shape));
}

/** The same value throughout. */
export function full(shape: readonly number[], value: number): Tensor {
  return new Tensor(must(core.full(sizes(shape), value)));
}
/** Zeros. */
export function zeros(shape: readonly number[]): Tensor {
  return full(shape, 0);
}
/** Ones. */
export function ones(shape: readonly number[]): Tensor {
  return full(shape, 1);
}
/** start, start + step, ... below end; with one argument, 0 up to it. */
export function arange(start: number, end?: number, step = 1): Tensor {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  return new Tensor(must(core.arange(finite(from, "start"), finite(to, "end"), finite(step, "step"))));
}
/** n values from start to end, both included. */
export function linspace(start: number, end: number, n: number): Tensor {
  return new Tensor(must(core.linspace(start, end, count(n, "n"))));
}
/** The identity matrix. */
export function eye(n: number): Tensor {
  return new Tensor(must(core.eye(count(n, "n"))));
}
/** Uniform in [0, 1). */
export function rand(shape: readonly number[], options: Seed = {}): Tensor {
  const seed = draw(options);
  return new Tensor(must(core.random(sizes(shape), 0, seed)));
}
/** Standard normal. */
export function randn(shape: readonly number[], options: Seed = {}): Tensor {
  const seed = draw(options);
  return new Tensor(must(core.random(sizes(shape), 1, seed)));
}
/** Whole numbers from 0 to high − 1. */
export function randint(high: number, shape: readonly number[], options: Seed = {}): Indices {
  const seed = draw(options);
  return new Indices(must(core.randomIndices(count(high, "high", 1), sizes(shape), seed)));
}
/** 1 at each label, 0 elsewhere: labels `[..]` to `[.., classes]`. */
export function oneHot(labels: Indices | readonly number[] | Int32Array | Uint8Array, classes: number): Tensor {
  const index = labels instanceof Indices ? labels : indices(labels);
  try {
    return new Tensor(must(core.oneHot(index.id, count(classes, "classes", 1))));
  } finally {
    if (index !== labels) index.dispose();
  }
}
function join(parts: readonly Tensor[], axis: number, newAxis: number): Tensor {
  const ids = parts.map((part, i) => idOf(part, `part ${i}`));
  return new Tensor(must(core.join(intRow(ids), whole(axis, "axis"), newAxis)));
}
/** Joins tensors along an axis. */
export function concat(parts: readonly Tensor[], axis = 0): Tensor {
  return join(parts, axis, 0);
}
/** Joins tensors of one shape along a new axis. */
export function stack(parts: readonly Tensor[], axis = 0): Tensor {
  // The new axis counts: -1 is after the last.
  return join(parts, axis < 0 ? axis + (parts[0]?.shape.length ?? 0) + 1 : axis, 1);
}
/** `yes` where `condition` is not 0, else `no`; all broadcast. */
export function where(condition: Tensor, yes: Tensor, no: Tensor): Tensor {
  return condition.where(yes, no);
}

/**
 * Seeds the module-wide generator, from which initial weights and `rand` draw. It starts from seed 0, so a program
 * gives the same numbers each time it runs.
 */
export function manualSeed(seed: number): void {
  core.manualSeed(seedOf(seed));
}

/** Runs `f` without recording operations: no gradients, less memory. */
export function noGrad<R>(f: () => R): R {
  const before = core.setRecording(0);
  try {
    return f();
  } finally {
    core.setRecording(before);
  }
}
