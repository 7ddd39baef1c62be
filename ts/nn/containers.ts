/**
 * Modules made of modules, with feature counts checked by the type system where they are literals. If all parts are
 * built-in the whole is one module of the core, and a step stays one call; otherwise JavaScript runs the parts.
 */
import { badArgument, checkOptions, oneOf } from "../check.js";
import { core, coreError, intRow, must } from "../crossing.js";
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

/** Whether a feature count is not known at compile time. */
type IsOpen<F> = F extends number ? (number extends F ? true : false) : true;
/** Features after a layer, where there were F before it. */
type Next<F, M> = OutOf<M> extends "same" ? F : OutOf<M>;
/** The layer itself if it takes F features. */
type Fit<F, M> =
  IsOpen<F> extends true
    ? M
    : IsOpen<InOf<M>> extends true
      ? M
      : F extends InOf<M>
        ? M
        : FeatureMismatch<`this layer takes ${InOf<M> & number} features, but the one before it gives ${F & number}`>;
/**
 * Each layer, or what is wrong with it; of a list of unknown length each layer. The accumulator keeps the recursion flat:
 * long models compile.
 */
type Chain<Ls extends readonly unknown[], F = "same", Done extends readonly unknown[] = []> = Ls extends readonly [
  infer M,
  ...infer Rest,
]
  ? Chain<Rest, Next<F, M>, [...Done, Fit<F, M>]>
  : [...Done, ...Ls];
type FirstIn<Ls extends readonly unknown[]> = Ls extends readonly [infer M, ...infer Rest]
  ? InOf<M> extends "same"
    ? FirstIn<Rest>
    : InOf<M>
  : Ls extends readonly []
    ? "same"
    : number;
type LastOut<Ls extends readonly unknown[], F = "same"> = Ls extends readonly [infer M, ...infer Rest]
  ? LastOut<Rest, Next<F, M>>
  : Ls extends readonly []
    ? F
    : number;
/** Element I of a list. */
type At<Checked extends readonly unknown[], I> = I extends keyof Checked ? Checked[I] : unknown;

function container(kind: number, parts: readonly AnyModule[]): CoreModule | undefined {
  for (const [i, part] of parts.entries()) {
    if (!(part instanceof Module)) throw badArgument(`part ${i}`, "a layer", part);
  }
  if (!parts.every((p) => p instanceof CoreModule)) return undefined;
  const ids = parts.map((p) => (p as CoreModule).id);
  return new CoreModule(must(core.makeContainer(kind, intRow(ids))), parts);
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
export function sequential<const Ls extends readonly AnyModule[]>(
  ...layers: { readonly [I in keyof Ls]: Ls[I] & At<Chain<Ls>, I> }
): SequentialOf<Ls> {
  const parts = layers as readonly AnyModule[];
  return (container(0, parts) ?? new CustomSequential(parts)) as unknown as SequentialOf<Ls>;
}

type AllCore<Ls extends readonly unknown[]> = Ls extends readonly [infer M, ...infer Rest]
  ? M extends CoreModule<Features, Features>
    ? AllCore<Rest>
    : false
  : Ls extends readonly CoreModule<Features, Features>[]
    ? true
    : false;
/** A module of the core if all parts are, else one that JavaScript runs. */
type Made<Ls extends readonly unknown[], In, Out> =
  AllCore<Ls> extends true ? CoreModule<In & Features, Out & Features> : Module<In & Features, Out & Features>;

/** The type of a sequence: a module of the core if all its layers are. */
export type SequentialOf<Ls extends readonly AnyModule[]> = Made<Ls, FirstIn<Ls>, LastOut<Ls>>;

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

/** The first known count among the branches'. */
type FirstKnown<Ls extends readonly unknown[], Side extends "in" | "out"> = Ls extends readonly [infer M, ...infer Rest]
  ? IsOpen<SideOf<M, Side>> extends true
    ? FirstKnown<Rest, Side>
    : SideOf<M, Side>
  : number;
type SideOf<M, Side> = Side extends "in" ? InOf<M> : OutOf<M>;
/** The branch itself if it has F features on this side. */
type Alike<F, M, Side extends "in" | "out"> =
  IsOpen<F> extends true
    ? M
    : IsOpen<SideOf<M, Side>> extends true
      ? M
      : F extends SideOf<M, Side>
        ? M
        : FeatureMismatch<`branches must ${Side extends "in" ? "take" : "give"} the same features, to be ${Side extends "in" ? "parallel" : "added"}: this one has ${SideOf<M, Side> & number}, another ${F & number}`>;
type Branch<Ls extends readonly unknown[], M, J> = Alike<FirstKnown<Ls, "in">, M, "in"> &
  (J extends "sum" ? Alike<FirstKnown<Ls, "out">, M, "out"> : unknown);

/** Branches on the same input, joined along axis 1 (`concat`, the default) or added (`sum`). */
export function parallel<const Ls extends readonly AnyModule[], const J extends "concat" | "sum" = "concat">(
  branches: { readonly [I in keyof Ls]: Ls[I] & Branch<Ls, Ls[I], J> },
  options: { readonly join?: J } = {},
): Made<Ls, FirstKnown<Ls, "in">, J extends "sum" ? FirstKnown<Ls, "out"> : number> {
  checkOptions("parallel", options, { join: "any" });
  const join = oneOf(options.join ?? "concat", "join", ["concat", "sum"]);
  const parts = branches as readonly AnyModule[];
  if (!Array.isArray(parts)) throw badArgument("branches", "a list of layers", parts);
  if (parts.length === 0) throw coreError("EMPTY", "", { argument: "branches" });
  return (container(join === "concat" ? 2 : 3, parts) ?? new CustomParallel(parts, join)) as never;
}
