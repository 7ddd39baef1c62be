/** One golden file being run: its inputs as tensors, and the comparison of what came out, element by element. */
import { type Indices, indices, type Tensor, tensor } from "evenkeel";
import { type Case, type Golden, numberOf, type Part } from "./case.js";

type Numbers = ArrayLike<number>;

/** A golden tensor as one of ours. */
export const tensorOf = ({ data, shape }: Golden): Tensor => tensor({ data: Float32Array.from(data), shape });

/** A golden tensor of integers as labels. */
export const indicesOf = ({ data, shape }: Golden): Indices => indices({ data: Int32Array.from(data), shape });

/** The largest size of a finite number. */
const largest = (x: Numbers): number =>
  Array.from(x).reduce((a, v) => (Number.isFinite(v) ? Math.max(a, Math.abs(v)) : a), 0);

/** How far apart the numbers are at most, and where: 0 between equal infinities or two NaN, NaN if one alone is NaN. */
function worst(got: Numbers, want: Numbers): { off: number; at: number } {
  let result = { off: 0, at: 0 };
  for (let at = 0; at < want.length; at++) {
    const [g, w] = [got[at] as number, want[at] as number];
    if (Object.is(g, w) || g === w) continue;
    const off = Math.abs(g - w);
    if (Number.isNaN(off)) return { off, at };
    if (off > result.off) result = { off, at };
  }
  return result;
}

/** Where in a tensor of this shape: `[1, 3]` for element 7 of `[2, 4]`. */
function place(at: number, shape: readonly number[]): string {
  const index: number[] = [];
  let rest = at;
  for (const extent of [...shape].reverse()) {
    index.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return `[${index.join(", ")}]`;
}

export class Run {
  readonly case: Case;
  readonly #problems: string[] = [];
  readonly #compared = new Set<string>();

  constructor(of: Case) {
    this.case = of;
  }

  /** An input as the file has it. */
  golden(name: string): Golden {
    const input = this.case.inputs[name];
    if (input === undefined) throw new Error(`${this.case.name} has no input ${name}`);
    return input;
  }
  /** An input as a tensor. */
  input(name: string): Tensor {
    return tensorOf(this.golden(name));
  }
  /** An input whose gradient is wanted. */
  tracked(name: string): Tensor {
    return this.input(name).tracked();
  }
  /** Whether the file has an input of this name. */
  given(name: string): boolean {
    return name in this.case.inputs;
  }
  /** Whether the file has an output of this name. */
  has(name: string): boolean {
    return name in this.case.computed.outputs;
  }
  /** A setting as a number. */
  number(name: string): number {
    if (!(name in this.case.config)) throw new Error(`${this.case.name} has no setting ${name}`);
    return numberOf(this.case.config[name]);
  }
  /** A setting as a number, if the file has it. */
  optional(name: string): number | undefined {
    return name in this.case.config ? this.number(name) : undefined;
  }

  /** Compares an output. */
  output(name: string, got: Tensor): void {
    this.compare("outputs", name, got.shape, got.toArray());
  }
  /** Compares a single number. */
  scalar(name: string, got: number): void {
    this.compare("outputs", name, [], [got]);
  }
  /** Compares the gradient that `of` collected. */
  grad(name: string, of: Tensor): void {
    const { grad } = of;
    if (grad === undefined) this.must(false, `no gradient of ${name}`);
    else this.compare("grads", name, grad.shape, grad.toArray());
  }
  /** Leaves out what the file's note says cannot be compared. */
  skip(name: string): void {
    this.#compared.add(`outputs.${name}`);
  }
  /** Anything else that must hold. */
  must(holds: boolean, otherwise: string): void {
    if (!holds) this.#problems.push(otherwise);
  }

  /** Compares numbers with the reference, within the README's bound or one of the caller's own. */
  compare(part: Part, name: string, shape: readonly number[], got: Numbers, bound?: number): void {
    this.#compared.add(`${part}.${name}`);
    const want = this.case.ref64?.[part][name] ?? this.case.computed[part][name];
    if (want === undefined) {
      this.must(false, `the file has no ${part}.${name}`);
      return;
    }
    if (String(shape) !== String(want.shape) || got.length !== want.data.length) {
      this.must(false, `${part}.${name} has shape [${shape}] and ${got.length} values, not [${want.shape}]`);
      return;
    }
    const { off, at } = worst(got, want.data);
    const allowed = bound ?? this.#bound(part, name, want.data);
    if (off <= allowed) return;
    this.#problems.push(
      `${part}.${name}${place(at, shape)} is ${got[at]}, not ${want.data[at]}: off by ${off}, allowed ${allowed}`,
    );
  }
  /**
   * The README's bound, max(2·f32_err, 1e-5·max|value| + 1e-6). Batches of a large mean are held to 1e-5 of the largest
   * value: PyTorch's own error there, from a mean rounded to single precision, is no excuse.
   */
  #bound(part: Part, name: string, want: Numbers): number {
    const relative = 1e-5 * largest(want);
    if (this.case.name.includes("mean1e")) return relative;
    return Math.max(2 * (this.case.f32Error[part]?.[name] ?? 0), relative + 1e-6);
  }

  /** What was wrong, also that something was not compared at all. */
  problems(): string[] {
    for (const part of ["outputs", "grads"] as const) {
      for (const name of Object.keys(this.case.computed[part])) {
        this.must(this.#compared.has(`${part}.${name}`), `${part}.${name} was not compared`);
      }
    }
    return this.#problems;
  }
}
