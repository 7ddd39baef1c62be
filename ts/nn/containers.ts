/**
 * Modules made of modules, with feature counts checked by the type system where they are literals. If all parts are
 * built-in the whole is one module of the core, and a step stays one call; otherwise JavaScript runs the parts.
 */
import { CoreLayer } from "../../build/wasm/evenkeel.js";
import { badArgument, oneOf } from "../check.js";
import { call } from "../core.js";
import { EvenkeelError } from "../errors.js";
import { concat } from "../tensor/create.js";
import type { Tensor } from "../tensor/tensor.js";
import { CoreModule } from "./core-module.js";
import { copyMode, type Features, Module } from "./module.js";

// biome-ignore lint/suspicious/noExplicitAny: any features, to infer them from
type AnyModule = Module<any, any>;
type InOf<M> = M extends Module<infer I extends Features, Features> ? I : never;
type OutOf<M> = M extends Module<Features, infer O extends Features> ? O : never;

/** What stands in a type where feature counts do not fit: the compiler's message shows its name and numbers. */
export interface FeatureMismatch<Message extends string> {
  readonly featureMismatch: Message;
}

type IsOpen<F> = F extends number ? (number extends F ? true : false) : true;
type Next<F, M> = OutOf<M> extends "same" ? F : OutOf<M>;
type Fit<F, M> =
  IsOpen<F> extends true
    ? M
    : IsOpen<InOf<M>> extends true
      ? M
      : F extends InOf<M>
        ? M
        : FeatureMismatch<`this layer takes ${InOf<M> & number} features, but the one before it gives ${F & number}`>;
type Chain<Ls extends readonly unknown[], F = "same"> = Ls extends readonly [infer M, ...infer Rest]
  ? [Fit<F, M>, ...Chain<Rest, Next<F, M>>]
  : [];
type FirstIn<Ls extends readonly unknown[]> = Ls extends readonly [infer M, ...infer Rest]
  ? InOf<M> extends "same"
    ? FirstIn<Rest>
    : InOf<M>
  : "same";
type LastOut<Ls extends readonly unknown[], F = "same"> = Ls extends readonly [infer M, ...infer Rest]
  ? LastOut<Rest, Next<F, M>>
  : F;

function container(kind: number, parts: readonly AnyModule[]): CoreModule | undefined {
  for (const [i, part] of parts.entries()) {
    if (!(part instanceof Module)) throw badArgument(`part ${i}`, "a layer", part);
  }
  if (!parts.every((p) => p instanceof CoreModule)) return undefined;
  return new CoreModule(
    call(() =>
      CoreLayer.container(
        kind,
        parts.map((p) => (p as CoreModule).core.share()),
      ),
    ),
    parts,
  );
}

class CustomSequential extends Module {
  readonly #layers: readonly AnyModule[];
  constructor(layers: readonly AnyModule[]) {
    super();
    this.#layers = layers;
  }
  override children(): [string, AnyModule][] {
    return this.#layers.map((layer, i) => [String(i), layer]);
  }
  override clone(): this {
    const copy = new CustomSequential(this.#layers.map((l) => l.clone()));
    copyMode(this, copy);
    return copy as this;
  }
  forward(x: Tensor): Tensor {
    return this.#layers.reduce((y, layer) => layer.forward(y), x);
  }
}

class CustomResidual extends Module {
  readonly body: AnyModule;
  constructor(body: AnyModule) {
    super();
    this.body = body;
  }
  forward(x: Tensor): Tensor {
    return x.add(this.body.forward(x));
  }
}

class CustomParallel extends Module {
  readonly #branches: readonly AnyModule[];
  readonly #join: "concat" | "sum";
  constructor(branches: readonly AnyModule[], join: "concat" | "sum") {
    super();
    this.#branches = branches;
    this.#join = join;
  }
  override children(): [string, AnyModule][] {
    return this.#branches.map((b, i) => [String(i), b]);
  }
  override clone(): this {
    const copy = new CustomParallel(
      this.#branches.map((b) => b.clone()),
      this.#join,
    );
    copyMode(this, copy);
    return copy as this;
  }
  forward(x: Tensor): Tensor {
    const outs = this.#branches.map((b) => b.forward(x));
    return this.#join === "concat" ? concat(outs, 1) : outs.reduce((a, b) => a.add(b));
  }
}

/**
 * Layers one after the other. Where feature counts are literals, a layer that does not fit the one before it is a
 * compile error that names both numbers.
 *
 * @example
 * const model = nn.sequential(nn.dense(784, 256), nn.batchNorm(256), nn.relu(), nn.dense(256, 10));
 */
export function sequential<const Ls extends readonly AnyModule[]>(...layers: Ls & Chain<Ls>): SequentialOf<Ls> {
  const parts = layers as unknown as readonly AnyModule[];
  return (container(0, parts) ?? new CustomSequential(parts)) as unknown as SequentialOf<Ls>;
}

type AllCore<Ls extends readonly unknown[]> = Ls extends readonly [infer M, ...infer Rest]
  ? M extends CoreModule<Features, Features>
    ? AllCore<Rest>
    : false
  : Ls extends readonly []
    ? true
    : false;

/** The type of a sequence: a module of the core if all its layers are. */
export type SequentialOf<Ls extends readonly AnyModule[]> =
  AllCore<Ls> extends true
    ? CoreModule<FirstIn<Ls> & Features, LastOut<Ls> & Features>
    : Module<FirstIn<Ls> & Features, LastOut<Ls> & Features>;

type Square<M> =
  IsOpen<InOf<M>> extends true
    ? M
    : IsOpen<OutOf<M>> extends true
      ? M
      : InOf<M> extends OutOf<M>
        ? M
        : FeatureMismatch<`a residual body must give what it takes: it takes ${InOf<M> & number} features and gives ${OutOf<M> & number}`>;

/** y = x + body(x) (He et al. 2016). The body gives as many features as it takes. */
export function residual<const M extends AnyModule>(
  body: M & Square<M>,
): M extends CoreModule<Features, Features> ? CoreModule<InOf<M>, OutOf<M>> : Module<InOf<M>, OutOf<M>> {
  return (container(1, [body as AnyModule]) ?? new CustomResidual(body as AnyModule)) as never;
}

/** Branches on the same input, joined along axis 1 (`concat`, the default) or added (`sum`). */
export function parallel<const M extends AnyModule>(
  branches: readonly M[],
  { join = "concat" }: { join?: "concat" | "sum" } = {},
): M extends CoreModule<Features, Features> ? CoreModule<InOf<M>, number> : Module<InOf<M>, number> {
  if (branches.length === 0)
    throw new EvenkeelError("EMPTY", "parallel needs at least one branch.", { argument: "branches" });
  oneOf(join, "join", ["concat", "sum"]);
  return (container(join === "concat" ? 2 : 3, branches) ?? new CustomParallel(branches, join)) as never;
}
