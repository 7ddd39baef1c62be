/** Tensors: dense, row-major, of 32-bit floats, with gradients where wanted; and tensors of labels and indices. */
import { CoreIndices, CoreTensor } from "../../build/wasm/evenkeel.js";
import { count, whole } from "../check.js";
import { buffer, call } from "../core.js";
import { Handle, note } from "../handle.js";
import { along, binary, reduction, unary } from "./functions.js";
import {
  type Axes,
  axesOf,
  checkShape,
  flatten,
  floats,
  labels,
  type NestedArray,
  type NumericArray,
  type Shaped,
} from "./input.js";

/** What may stand for a tensor. */
export type TensorLike = Tensor | Shaped | NestedArray | NumericArray | number;

const sizes = (shape: readonly number[], argument: string): Uint32Array =>
  Uint32Array.from(checkShape(shape, argument));

/** A tensor. Operations give new tensors and are recorded when an operand tracks gradients. */
export class Tensor extends Handle<CoreTensor> {
  #shape: readonly number[] | undefined;

  /** @internal A `lasting` one is not of the scope it is made in. */
  constructor(core: CoreTensor, lasting = false) {
    super(core, "tensor");
    if (!lasting) note(this);
  }

  /** Extent along each axis. */
  get shape(): readonly number[] {
    this.#shape ??= Array.from(call(() => this.core.shape()));
    return this.#shape;
  }
  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }
  /** Number of elements. */
  get size(): number {
    return call(() => this.core.size());
  }
  /** A copy of the values. */
  toArray(): Float32Array {
    // Not by the core, which would need the room a second time in its own memory.
    return this.withData((values) => values.slice());
  }
  /** A copy of the values as nested arrays; a plain number for rank 0. */
  toNested(): NestedArray | number {
    const data = this.toArray();
    const { shape } = this;
    const build = (axis: number, from: number, size: number): NestedArray | number => {
      if (axis === shape.length) return data[from] as number;
      const n = shape[axis] as number;
      const step = n === 0 ? 0 : size / n;
      return Array.from({ length: n }, (_, i) => build(axis + 1, from + i * step, step));
    };
    return build(0, 0, data.length);
  }
  /** The value of a tensor that has one. */
  item(): number {
    return call(() => this.core.item());
  }
  /**
   * Lends the values without copying. The view is valid only inside `f`, and only until `f` calls into evenkeel: the
   * memory may move.
   */
  withData<R>(f: (values: Float32Array) => R): R {
    const [address, size] = call(() => [this.core.address(), this.core.size()] as const);
    return f(new Float32Array(buffer(), address, size));
  }
  /** Overwrites the values in place: for parameters, between steps. */
  assign(values: TensorLike): void {
    const { data } = values instanceof Tensor ? { data: values.toArray() } : flatten(values, undefined, "values");
    call(() => this.core.assign(floats(data)));
  }
  /** Shape and values, as the console shows them. */
  override toString(): string {
    const data = this.toArray();
    const shown = Array.from(data.subarray(0, 8), (v) => +v.toPrecision(6)).join(", ");
    return `Tensor [${this.shape.join(", ")}] { ${shown}${data.length > 8 ? ", ..." : ""} }`;
  }

  #unary(f: number, a = 0, b = 0): Tensor {
    return new Tensor(call(() => this.core.unary(f, a, b)));
  }
  #binary(op: number, other: TensorLike): Tensor {
    if (other instanceof Tensor) return new Tensor(call(() => this.core.binary(op, other.core)));
    const made = CoreTensorFrom(other);
    try {
      return new Tensor(call(() => this.core.binary(op, made)));
    } finally {
      made.free();
    }
  }

  /** this + other, broadcast. */
  add(other: TensorLike): Tensor {
    return typeof other === "number" ? this.#unary(unary.addScalar, other) : this.#binary(binary.add, other);
  }
  /** this − other, broadcast. */
  sub(other: TensorLike): Tensor {
    return typeof other === "number" ? this.#unary(unary.addScalar, -other) : this.#binary(binary.sub, other);
  }
  /** this · other, element by element, broadcast. */
  mul(other: TensorLike): Tensor {
    return typeof other === "number" ? this.#unary(unary.mulScalar, other) : this.#binary(binary.mul, other);
  }
  /** this / other, broadcast. */
  div(other: TensorLike): Tensor {
    return this.#binary(binary.div, other);
  }
  /** this to the power of other, broadcast. */
  pow(other: TensorLike): Tensor {
    return typeof other === "number" ? this.#unary(unary.pow, other) : this.#binary(binary.pow, other);
  }
  /** The smaller of both, broadcast; a tie shares the gradient. */
  minimum(other: TensorLike): Tensor {
    return this.#binary(binary.minimum, other);
  }
  /** The larger of both, broadcast; a tie shares the gradient. */
  maximum(other: TensorLike): Tensor {
    return this.#binary(binary.maximum, other);
  }
  /** 1 where equal, else 0. */
  eq(other: TensorLike): Tensor {
    return this.#binary(binary.eq, other);
  }
  /** 1 where not equal, else 0. */
  ne(other: TensorLike): Tensor {
    return this.#binary(binary.ne, other);
  }
  /** 1 where less, else 0. */
  lt(other: TensorLike): Tensor {
    return this.#binary(binary.lt, other);
  }
  /** 1 where less or equal, else 0. */
  le(other: TensorLike): Tensor {
    return this.#binary(binary.le, other);
  }
  /** 1 where greater, else 0. */
  gt(other: TensorLike): Tensor {
    return this.#binary(binary.gt, other);
  }
  /** 1 where greater or equal, else 0. */
  ge(other: TensorLike): Tensor {
    return this.#binary(binary.ge, other);
  }
  /** `yes` where this is not 0, else `no`; all broadcast. */
  where(yes: Tensor, no: Tensor): Tensor {
    return new Tensor(call(() => this.core.where(yes.core, no.core)));
  }

  /** −x */
  neg(): Tensor {
    return this.#unary(unary.neg);
  }
  /** |x| */
  abs(): Tensor {
    return this.#unary(unary.abs);
  }
  /** −1, 0 or 1. */
  sign(): Tensor {
    return this.#unary(unary.sign);
  }
  /** e^x */
  exp(): Tensor {
    return this.#unary(unary.exp);
  }
  /** Natural logarithm. */
  log(): Tensor {
    return this.#unary(unary.log);
  }
  /** ln(1 + x) */
  log1p(): Tensor {
    return this.#unary(unary.log1p);
  }
  /** e^x − 1 */
  expm1(): Tensor {
    return this.#unary(unary.expm1);
  }
  /** √x */
  sqrt(): Tensor {
    return this.#unary(unary.sqrt);
  }
  /** 1/√x */
  rsqrt(): Tensor {
    return this.#unary(unary.rsqrt);
  }
  /** x² */
  square(): Tensor {
    return this.#unary(unary.square);
  }
  /** 1/x */
  reciprocal(): Tensor {
    return this.#unary(unary.reciprocal);
  }
  /** Sine, x in radians. */
  sin(): Tensor {
    return this.#unary(unary.sin);
  }
  /** Cosine, x in radians. */
  cos(): Tensor {
    return this.#unary(unary.cos);
  }
  /** Hyperbolic tangent. */
  tanh(): Tensor {
    return this.#unary(unary.tanh);
  }
  /** 1/(1 + e^−x) */
  sigmoid(): Tensor {
    return this.#unary(unary.sigmoid);
  }
  /** The error function. */
  erf(): Tensor {
    return this.#unary(unary.erf);
  }
  /** max(x, 0) */
  relu(): Tensor {
    return this.#unary(unary.relu);
  }
  /** Limits values to min..max; the gradient passes where min ≤ x ≤ max. */
  clip(min: number, max: number): Tensor {
    return this.#unary(unary.clip, min, max);
  }

  /** Matrix product `[.., m, k] · [.., k, n]`; leading axes broadcast, a vector is one row or column. */
  matmul(other: Tensor): Tensor {
    return new Tensor(call(() => this.core.matmul(other.core)));
  }

  #reduce(kind: number, axes: Axes | undefined, keepDims: boolean, correction = 0): Tensor {
    return new Tensor(
      call(() => this.core.reduce(kind, axesOf(axes, this.rank), keepDims, count(correction, "correction"))),
    );
  }
  /** Sum over axes (all by default). */
  sum(axes?: Axes, keepDims = false): Tensor {
    return this.#reduce(reduction.sum, axes, keepDims);
  }
  /** Mean over axes (all by default). */
  mean(axes?: Axes, keepDims = false): Tensor {
    return this.#reduce(reduction.mean, axes, keepDims);
  }
  /** Variance over axes: Σ(x − mean)²/(n − correction); correction is 1 as in PyTorch. */
  var(axes?: Axes, { correction = 1, keepDims = false } = {}): Tensor {
    return this.#reduce(reduction.var, axes, keepDims, correction);
  }
  /** Standard deviation over axes. */
  std(axes?: Axes, { correction = 1, keepDims = false } = {}): Tensor {
    return this.#reduce(reduction.std, axes, keepDims, correction);
  }
  #along(kind: number, axis: number, keepDims = false): Tensor {
    return new Tensor(call(() => this.core.along(kind, whole(axis, "axis"), keepDims)));
  }
  /** Largest value along an axis; the gradient goes to the first that has it. */
  max(axis: number, keepDims = false): Tensor {
    return this.#along(along.max, axis, keepDims);
  }
  /** Smallest value along an axis. */
  min(axis: number, keepDims = false): Tensor {
    return this.#along(along.min, axis, keepDims);
  }
  /** e^x / Σ e^x along an axis. */
  softmax(axis = -1): Tensor {
    return this.#along(along.softmax, axis);
  }
  /** x − ln Σ e^x along an axis. */
  logSoftmax(axis = -1): Tensor {
    return this.#along(along.logSoftmax, axis);
  }
  /** ln Σ e^x along an axis. */
  logSumExp(axis = -1, keepDims = false): Tensor {
    return this.#along(along.logSumExp, axis, keepDims);
  }
  /** Index of the largest value along an axis, the first if several. */
  argmax(axis = -1): Indices {
    return new Indices(call(() => this.core.arg(true, whole(axis, "axis"))));
  }
  /** Index of the smallest value along an axis, the first if several. */
  argmin(axis = -1): Indices {
    return new Indices(call(() => this.core.arg(false, whole(axis, "axis"))));
  }

  /** The same values in another shape; one extent may be −1, which is then what remains. */
  reshape(shape: readonly number[]): Tensor {
    const open = shape.indexOf(-1);
    const known = shape.reduce((size, d) => (d === -1 ? size : size * d), 1);
    const rest = known === 0 ? 0 : Math.floor(this.size / known);
    const full = shape.map((d, i) => (i === open ? rest : d));
    return new Tensor(call(() => this.core.reshape(sizes(full, "reshape"))));
  }
  /** The axes in another order: axis i of the result is axis `order[i]` of this. */
  permute(order: readonly number[]): Tensor {
    const all = order.map((a) => (a < 0 ? a + this.rank : a));
    return new Tensor(call(() => this.core.permute(sizes(all, "order"))));
  }
  /** Exchanges two axes (the last two by default). */
  transpose(a = -2, b = -1): Tensor {
    return new Tensor(call(() => this.core.transpose(whole(a, "axis"), whole(b, "axis"))));
  }
  /** Indices start..end along an axis. */
  slice(axis: number, start: number, end: number): Tensor {
    return new Tensor(call(() => this.core.slice(whole(axis, "axis"), count(start, "start"), count(end, "end"))));
  }
  /** Rows by their indices. */
  gather(rows: Indices | NumericArray): Tensor {
    const index = rows instanceof Indices ? rows : indices(rows);
    try {
      return new Tensor(call(() => this.core.gather(index.core)));
    } finally {
      if (index !== rows) index.dispose();
    }
  }
  /** Broadcast to a shape. */
  expand(shape: readonly number[]): Tensor {
    return new Tensor(call(() => this.core.expand(sizes(shape, "expand"))));
  }

  /** Whether operations on this tensor are recorded. */
  get requiresGrad(): boolean {
    return call(() => this.core.tracks());
  }
  /** The same values as a leaf that collects gradients. */
  tracked(): Tensor {
    return new Tensor(call(() => this.core.tracked()));
  }
  /** The same values outside any graph. */
  detach(): Tensor {
    return new Tensor(call(() => this.core.detach()));
  }
  /** Computes gradients for every tracked tensor this one came from, and frees the graph. */
  backward(gradient?: Tensor): void {
    call(() => (gradient === undefined ? this.core.backward() : this.core.backwardWith(gradient.core)));
  }
  /** The gradient collected so far, as a copy; `undefined` if none. */
  get grad(): Tensor | undefined {
    const grad = call(() => this.core.grad());
    return grad === undefined ? undefined : new Tensor(grad);
  }
  /** Forgets the gradient. */
  zeroGrad(): void {
    call(() => this.core.zeroGrad());
  }
}

/** A tensor of class labels or row indices. */
export class Indices extends Handle<CoreIndices> {
  /** @internal */
  constructor(core: CoreIndices) {
    super(core, "tensor of indices");
    note(this);
  }
  /** Extent along each axis. */
  get shape(): readonly number[] {
    return Array.from(call(() => this.core.shape()));
  }
  /** A copy of the values. */
  toArray(): Int32Array {
    return call(() => this.core.data());
  }
}

/** @internal Data as a tensor of the core. */
export function CoreTensorFrom(
  data: Exclude<TensorLike, Tensor>,
  shape?: readonly number[],
  argument = "data",
): CoreTensor {
  const flat = flatten(data, shape, argument);
  return call(() => {
    const made = CoreTensor.full(sizes(flat.shape, argument), 0);
    // Written in place: the glue would copy into a second block first, and trap where there is no room for that.
    new Float32Array(buffer(), made.address(), flat.data.length).set(flat.data);
    return made;
  });
}

/** @internal A core handle on data that is the caller's to free (or give away). */
export function takeTensor(data: TensorLike, argument: string): CoreTensor {
  return data instanceof Tensor ? call(() => data.core.share()) : CoreTensorFrom(data, undefined, argument);
}

/** @internal The same for labels. */
export function takeIndices(data: Indices | Shaped | NumericArray | NestedArray, argument: string): CoreIndices {
  if (data instanceof Indices) return call(() => data.core.share());
  const flat = flatten(data, undefined, argument);
  return call(() => new CoreIndices(labels(flat.data, argument), sizes(flat.shape, argument)));
}

/** A tensor of whole numbers: class labels, row indices. */
export function indices(data: Shaped | NumericArray | NestedArray): Indices {
  return new Indices(takeIndices(data, "indices"));
}
