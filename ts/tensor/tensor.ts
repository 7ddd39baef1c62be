/** Tensors: dense, row-major, of 32-bit floats, with gradients where wanted; and tensors of labels and indices. */
import { badArgument, count, whole } from "../check.js";
import { begin, buffer, core, floats, intRow, ints, must, number, release } from "../crossing.js";
import { Handle, note } from "../handle.js";
import { along, binary, reduction, reshaping, unary } from "./functions.js";
import {
  type Axes,
  axesOf,
  checkShape,
  flatten,
  labels,
  type NestedArray,
  type NumericArray,
  type Shaped,
} from "./input.js";

/** What may stand for a tensor. */
export type TensorLike = Tensor | Shaped | NestedArray | NumericArray | number;

const shapeOf = (id: number): readonly number[] => Array.from({ length: core.shape(id) }, (_, i) => number(i));

/** @internal The core's number of what a caller without types may have made of something else. */
export function idOf(t: unknown, argument: string): number {
  if (!(t instanceof Tensor)) throw badArgument(argument, "a tensor", t);
  return t.id;
}

/** A tensor. Operations give new tensors and are recorded when an operand tracks gradients. */
export class Tensor extends Handle {
  #shape: readonly number[] | undefined;

  /** @internal A `lasting` one is not of the scope it is made in. */
  constructor(id: number, lasting = false) {
    super(id, "tensor");
    if (!lasting) note(this);
  }

  /** Extent along each axis. */
  get shape(): readonly number[] {
    this.#shape ??= shapeOf(this.id);
    return this.#shape;
  }
  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }
  /** Number of elements. */
  get size(): number {
    return core.size(this.id);
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
    must(core.item(this.id));
    return number(0);
  }
  /**
   * Lends the values without copying. The view is valid only inside `f`, and only until `f` calls into evenkeel: the
   * memory may move.
   */
  withData<R>(f: (values: Float32Array) => R): R {
    return f(floatsOf(this.id));
  }
  /** Overwrites the values in place: for parameters, between steps. */
  assign(values: TensorLike): void {
    const { data } = values instanceof Tensor ? { data: values.toArray() } : flatten(values, undefined, "values");
    const { id } = this;
    begin(data.length * 4 + 4);
    must(core.assign(id, floats(data)));
  }
  /** Shape and values, as the console shows them. */
  override toString(): string {
    const data = this.toArray();
    const shown = Array.from(data.subarray(0, 8), (v) => +v.toPrecision(6)).join(", ");
    return `Tensor [${this.shape.join(", ")}] { ${shown}${data.length > 8 ? ", ..." : ""} }`;
  }

  #unary(f: number, a = 0, b = 0): Tensor {
    return new Tensor(must(core.unary(this.id, f, a, b)));
  }
  #binary(op: number, other: TensorLike): Tensor {
    if (other instanceof Tensor) return new Tensor(must(core.binary(this.id, op, other.id)));
    const made = tensorFrom(other);
    try {
      return new Tensor(must(core.binary(this.id, op, made)));
    } finally {
      release(made);
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
    return new Tensor(must(core.where(this.id, idOf(yes, "yes"), idOf(no, "no"))));
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
    return new Tensor(must(core.matmul(this.id, idOf(other, "matmul's operand"))));
  }

  #reduce(kind: number, axes: Axes | undefined, keepDims: boolean, correction = 0): Tensor {
    const over = axesOf(axes, this.rank);
    return new Tensor(
      must(core.reduce(this.id, kind, intRow(over), Number(keepDims), count(correction, "correction"))),
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
    return new Tensor(must(core.along(this.id, kind, whole(axis, "axis"), Number(keepDims))));
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
    return new Indices(must(core.arg(this.id, 1, whole(axis, "axis"))));
  }
  /** Index of the smallest value along an axis, the first if several. */
  argmin(axis = -1): Indices {
    return new Indices(must(core.arg(this.id, 0, whole(axis, "axis"))));
  }

  #reshape(kind: number, to: readonly number[]): Tensor {
    return new Tensor(must(core.reshape(this.id, kind, intRow(to))));
  }
  /** The same values in another shape; one extent may be −1, which is then what remains. */
  reshape(shape: readonly number[]): Tensor {
    const open = shape.indexOf(-1);
    const known = shape.reduce((size, d) => (d === -1 ? size : size * d), 1);
    const rest = known === 0 ? 0 : Math.floor(this.size / known);
    const full = shape.map((d, i) => (i === open ? rest : d));
    return this.#reshape(reshaping.reshape, checkShape(full, "reshape"));
  }
  /** The axes in another order: axis i of the result is axis `order[i]` of this. */
  permute(order: readonly number[]): Tensor {
    const all = order.map((a) => (a < 0 ? a + this.rank : a));
    return this.#reshape(reshaping.permute, checkShape(all, "order"));
  }
  /** Exchanges two axes (the last two by default). */
  transpose(a = -2, b = -1): Tensor {
    return new Tensor(must(core.transpose(this.id, whole(a, "axis"), whole(b, "axis"))));
  }
  /** Indices start..end along an axis. */
  slice(axis: number, start: number, end: number): Tensor {
    return new Tensor(must(core.slice(this.id, whole(axis, "axis"), count(start, "start"), count(end, "end"))));
  }
  /** Rows by their indices. */
  gather(rows: Indices | NumericArray): Tensor {
    const index = rows instanceof Indices ? rows : indices(rows);
    try {
      return new Tensor(must(core.gather(this.id, index.id)));
    } finally {
      if (index !== rows) index.dispose();
    }
  }
  /** Broadcast to a shape. */
  expand(shape: readonly number[]): Tensor {
    return this.#reshape(reshaping.expand, checkShape(shape, "expand"));
  }

  /** Whether operations on this tensor are recorded. */
  get requiresGrad(): boolean {
    return core.tracks(this.id) !== 0;
  }
  /** The same values as a leaf that collects gradients. */
  tracked(): Tensor {
    return new Tensor(core.tracked(this.id));
  }
  /** The same values outside any graph. */
  detach(): Tensor {
    return new Tensor(core.detach(this.id));
  }
  /** Computes gradients for every tracked tensor this one came from, and frees the graph. */
  backward(gradient?: Tensor): void {
    must(core.backward(this.id, gradient === undefined ? 0 : idOf(gradient, "gradient")));
  }
  /** The gradient collected so far, as a copy; `undefined` if none. */
  get grad(): Tensor | undefined {
    const grad = core.grad(this.id);
    return grad === 0 ? undefined : new Tensor(grad);
  }
  /** Forgets the gradient. */
  zeroGrad(): void {
    core.zeroGrad(this.id);
  }
}

/** A tensor of class labels or row indices. */
export class Indices extends Handle {
  /** @internal */
  constructor(id: number) {
    super(id, "tensor of indices");
    note(this);
  }
  /** Extent along each axis. */
  get shape(): readonly number[] {
    return shapeOf(this.id);
  }
  /** A copy of the values. */
  toArray(): Int32Array {
    return intsOf(this.id);
  }
}

/** @internal The values of a tensor of the core, where they lie. */
export function floatsOf(id: number): Float32Array {
  const [address, size] = [core.address(id) >>> 0, core.size(id)];
  return new Float32Array(buffer(), address, size);
}

/** @internal A copy of the values of a tensor of indices. */
export function intsOf(id: number): Int32Array {
  const [address, size] = [core.address(id) >>> 0, core.size(id)];
  return new Int32Array(buffer(), address, size).slice();
}

/** @internal Data as a tensor of the core; the caller releases it. */
export function tensorFrom(data: Exclude<TensorLike, Tensor>, shape?: readonly number[], argument = "data"): number {
  const flat = flatten(data, shape, argument);
  const made = must(core.full(intRow(checkShape(flat.shape, argument)), 0));
  // Written in place: on the way of a row there would be a second copy.
  floatsOf(made).set(flat.data);
  return made;
}

/** @internal A tensor of the core, new or shared with that of the caller, who releases it. */
export function takeTensor(data: TensorLike, argument: string): number {
  return data instanceof Tensor ? core.share(data.id) : tensorFrom(data, undefined, argument);
}

/** @internal The same for labels. */
export function takeIndices(data: Indices | Shaped | NumericArray | NestedArray, argument: string): number {
  if (data instanceof Indices) return core.share(data.id);
  const flat = flatten(data, undefined, argument);
  const values = labels(flat.data, argument);
  const shape = checkShape(flat.shape, argument);
  begin((values.length + shape.length) * 4 + 16);
  return must(core.makeIndices(ints(values), ints(shape)));
}

/** A tensor of whole numbers: class labels, row indices. */
export function indices(data: Shaped | NumericArray | NestedArray): Indices {
  return new Indices(takeIndices(data, "indices"));
}
