/**
 * Modules: layers and what is made of them. Built-in ones are handles on the core; a class of one's own extends
 * `Module`, keeps parameters and other modules in its fields, and computes in `forward` with tensor operations.
 */

import { checkOptions, count, oneOf, seedOf } from "../check.js";
import { answer, core, coreError, must, release } from "../crossing.js";
import { Held } from "../dispose.js";
import { joinFile } from "../file.js";
import { scope } from "../handle.js";
import { concat, noGrad } from "../tensor/create.js";
import { Tensor, type TensorLike, takeTensor } from "../tensor/tensor.js";
import type { CoreModule } from "./core-module.js";
import { inputShapes, locating, outputOf, type Shapes } from "./place.js";
import { batchesOf } from "./rows.js";
import { packState, type State, type StateReport, shapeOf, takeState } from "./state.js";
import { type SummaryRow, tableOf } from "./summary.js";

/** Features a layer takes or gives: a number where it is known, `"same"` for layers that keep what comes in. */
export type Features = number | "same";

/** What a parameter is for: optimizers decay only weights unless told otherwise. */
export type Role = "weight" | "bias" | "norm";

/** A trained tensor. */
export class Parameter extends Tensor {
  /** What it is for. */
  readonly role: Role;
  /** @internal */
  constructor(id: number, role: Role, lasting = false) {
    super(id, lasting);
    this.role = role;
  }
}

/** A parameter for a class of one's own, with these initial values. */
export function parameter(values: TensorLike, role: Role = "weight"): Parameter {
  // A copy: training it must not change a tensor that the values came from.
  const given = takeTensor(
    values instanceof Tensor ? { data: values.toArray(), shape: values.shape } : values,
    "values",
  );
  try {
    return new Parameter(core.tracked(given), role, true);
  } finally {
    release(given);
  }
}

/** Settings of {@link Module.predict}. */
export interface PredictOptions {
  /** Applied to the output along its last axis (`softmax`, `logSoftmax`) or element by element (`sigmoid`). */
  readonly activation?: "softmax" | "logSoftmax" | "sigmoid";
  /** Rows computed at a time; 1024. */
  readonly batchSize?: number;
}

type Restore = () => void;
const restoreModes = (modes: readonly Restore[]): void => {
  for (const restore of modes) restore();
};

/** Modes beside the modules, not in a private field: `clone` makes objects without their constructor. */
const ownModes = new WeakMap<object, "train" | "eval">();

/** @internal Gives a copy the mode of what it was copied from. */
export function copyMode(from: Module<Features, Features>, to: Module<Features, Features>): void {
  ownModes.set(to, from.mode);
}

type Child = readonly [name: string, child: Module<Features, Features> | Parameter];

/**
 * A layer or model. `In` and `Out` are the features it takes and gives, where they are known at compile time.
 *
 * @example
 * class Scaled extends nn.Module<4, 2> {
 *   dense = nn.dense(4, 2);
 *   scale = nn.parameter([1, 1], "norm");
 *   forward(x: Tensor) { return this.dense.forward(x).mul(this.scale); }
 * }
 */
export abstract class Module<In extends Features = Features, Out extends Features = Features> extends Held {
  /** Features it takes; only in the type. */
  declare readonly inFeatures: In;
  /** Features it gives; only in the type. */
  declare readonly outFeatures: Out;
  /** The layer's function. */
  abstract forward(x: Tensor): Tensor;

  /** @internal Modules and parameters in the fields, in order; arrays and plain objects are looked into. */
  children(): Child[] {
    const found: Child[] = [];
    const look = (name: string, value: unknown): void => {
      if (value instanceof Module || value instanceof Parameter) found.push([name, value]);
      else if (Array.isArray(value)) for (const [i, v] of value.entries()) look(`${name}.${i}`, v);
      else if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
        for (const [key, v] of Object.entries(value)) look(`${name}.${key}`, v);
      }
    };
    for (const [name, value] of Object.entries(this)) look(name, value);
    return found;
  }

  /** @internal Every built-in module in here, with its path. */
  coreModules(path = ""): [path: string, module: CoreModule][] {
    return this.children().flatMap(([name, child]) =>
      child instanceof Parameter ? [] : child.coreModules(path === "" ? name : `${path}.${name}`),
    );
  }
  /** All parameters by name; one that is used twice is listed once. Each call gives new handles on the same tensors. */
  namedParameters(): [name: string, parameter: Parameter][] {
    const all = this.children().flatMap(([name, child]): [string, Parameter][] =>
      child instanceof Parameter
        ? [[name, child]]
        : child.namedParameters().map(([inner, p]) => [`${name}.${inner}`, p]),
    );
    // A parameter is known by where its values lie.
    const seen = new Set<number>();
    return all.filter(([, p]) => {
      const address = core.address(p.id);
      return !seen.has(address) && seen.add(address);
    });
  }
  /** All parameters. */
  parameters(): Parameter[] {
    return this.namedParameters().map(([, p]) => p);
  }
  /** Number of trained values. */
  parameterCount(): number {
    return scope(() => this.parameters().reduce((n, p) => n + p.size, 0));
  }

  /** Training behaviour for the whole tree: batch statistics, dropout. */
  train(): this {
    ownModes.set(this, "train");
    for (const child of this.modules()) child.train();
    return this;
  }
  /** Eval behaviour for the whole tree: running statistics, no dropout. */
  eval(): this {
    ownModes.set(this, "eval");
    for (const child of this.modules()) child.eval();
    return this;
  }
  /** `train` or `eval`. */
  get mode(): "train" | "eval" {
    return ownModes.get(this) ?? "train";
  }
  /** @internal */
  modules(): Module<Features, Features>[] {
    return this.children().flatMap(([, c]) => (c instanceof Module ? [c] : []));
  }
  /**
   * Holds the whole tree as it is: parameters get no gradients and no updates, and layers with two behaviours stay in
   * that of eval, also through `train()`. `freeze(false)` releases it.
   */
  freeze(frozen = true): this {
    for (const [, child] of this.children()) {
      if (child instanceof Parameter) {
        core.setTracks(child.id, Number(!frozen));
        child.zeroGrad();
      } else child.freeze(frozen);
    }
    return this;
  }
  /** Seeds the layers that draw random numbers (dropout). */
  seed(seed: number): this {
    let place = seedOf(seed);
    for (const [, module] of this.coreModules()) module.seed(place++);
    return this;
  }

  /**
   * The output in eval mode, without recording. The mode is put back afterwards, also when something throws.
   */
  predict(x: TensorLike, options: PredictOptions = {}): Tensor {
    checkOptions("predict", options, { activation: "any", batchSize: "any" });
    const { activation, batchSize = 1024 } = options;
    count(batchSize, "batchSize", 1);
    if (activation !== undefined) oneOf(activation, "activation", ["softmax", "logSoftmax", "sigmoid"]);
    const input = new Tensor(takeTensor(x, "x"));
    try {
      const rows = input.shape[0] ?? 0;
      const parts: Tensor[] = [];
      for (let at = 0; at === 0 || at < rows; at += batchSize) {
        const part = rows <= batchSize ? input : input.slice(0, at, Math.min(at + batchSize, rows));
        try {
          parts.push(this.predictOnce(part));
        } finally {
          if (part !== input) part.dispose();
        }
      }
      let y = parts.length === 1 ? (parts[0] as Tensor) : concat(parts);
      if (parts.length > 1) for (const p of parts) p.dispose();
      if (activation !== undefined) {
        const raw = y;
        y = noGrad(() => (activation === "sigmoid" ? raw.sigmoid() : raw[activation](-1)));
        raw.dispose();
      }
      return y;
    } finally {
      input.dispose();
    }
  }
  /** @internal One batch of {@link predict}. */
  predictOnce(x: Tensor): Tensor {
    const modes = this.modes();
    this.eval();
    try {
      // A handle of its own: forward may give back x itself, or what a layer holds.
      return scope(() => {
        const y = locating(this, () => outputOf(noGrad(() => this.forward(x))));
        return new Tensor(core.share(y.id));
      });
    } finally {
      restoreModes(modes);
    }
  }
  /** @internal What puts the modes of this module and all below back as they are now. */
  modes(): Restore[] {
    const { mode } = this;
    const own = (): void => {
      ownModes.set(this, mode);
    };
    return [own, ...this.modules().flatMap((m) => m.modes())];
  }

  /** All values by name. */
  state(): State {
    const state: State = {};
    for (const [name, child] of this.children()) {
      if (child instanceof Parameter) state[name] = { data: child.toArray(), shape: child.shape };
      else for (const [inner, value] of Object.entries(child.state())) state[`${name}.${inner}`] = value;
    }
    return state;
  }
  /**
   * Loads a state, or a safetensors file of one. In strict mode (the default) anything that does not fit is an error
   * and nothing changes; otherwise what fits is taken. The report says what did not.
   */
  loadState(state: State | Uint8Array, { strict = true }: { strict?: boolean } = {}): StateReport {
    const given = takeState(state);
    const known = new Set<string>();
    const report: StateReport = { missing: [], unexpected: [], misshapen: [] };
    const loads: (() => void)[] = [];
    for (const [name, child] of this.children()) {
      if (child instanceof Parameter) {
        known.add(name);
        const value = given[name];
        if (value === undefined) report.missing.push(name);
        else if (typeof value === "number" || String(value.shape) !== String(child.shape)) report.misshapen.push(name);
        else loads.push(() => child.assign(value));
      } else {
        const part: State = {};
        for (const [key, value] of Object.entries(given)) {
          if (!key.startsWith(`${name}.`)) continue;
          part[key.slice(name.length + 1)] = value;
          known.add(key);
        }
        const inner = child.checkState(part);
        for (const kind of ["missing", "unexpected", "misshapen"] as const) {
          report[kind].push(...inner[kind].map((n) => `${name}.${n}`));
        }
        loads.push(() => child.loadState(part, { strict: false }));
      }
    }
    report.unexpected.push(...Object.keys(given).filter((key) => !known.has(key)));
    if (strict && report.missing.length + report.unexpected.length + report.misshapen.length > 0) {
      throw coreError("STATE_MISMATCH", "", { ...report });
    }
    for (const load of loads) load();
    return report;
  }
  /** @internal What of a state would not fit. */
  checkState(state: State): StateReport {
    const report: StateReport = { missing: [], unexpected: [], misshapen: [] };
    const own = this.state();
    for (const [name, value] of Object.entries(own)) {
      const given = state[name];
      if (given === undefined) {
        // As in the core: files of old PyTorch lack this counter alone.
        if (!/(^|\.)num_batches_tracked$/.test(name)) report.missing.push(name);
      } else if (shapeOf(given) !== shapeOf(value)) report.misshapen.push(name);
    }
    for (const name of Object.keys(state)) if (!(name in own)) report.unexpected.push(name);
    return report;
  }
  /** The values as a safetensors file, for a class of one's own: rebuild it and `loadState(bytes)`. */
  save(): Uint8Array {
    const packed = packState(this.state());
    try {
      must(core.stateToParts(packed));
      return joinFile(answer());
    } finally {
      release(packed);
    }
  }

  /**
   * A model of the same build, values and mode that shares nothing with this one. It copies fields and runs no
   * constructor: a class with private `#fields` has its own `clone`.
   */
  clone(): this {
    const copy = Object.create(Object.getPrototypeOf(this)) as this;
    const duplicate = (value: unknown): unknown => {
      if (value instanceof Parameter) return parameter({ data: value.toArray(), shape: value.shape }, value.role);
      if (value instanceof Module) return value.clone();
      if (Array.isArray(value)) return value.map(duplicate);
      if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
        return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, duplicate(v)]));
      }
      return value;
    };
    for (const [key, value] of Object.entries(this)) (copy as Record<string, unknown>)[key] = duplicate(value);
    copyMode(this, copy);
    return copy;
  }

  /**
   * Recomputes the running statistics of batch norm from data: after averaging weights, or when the running averages
   * are not warmed up. No gradients, no updates. `pooled` takes mean and variance of all values together, `average`
   * the average of the batches' (algorithm 2 of the batch norm paper).
   */
  recalibrate(
    x: TensorLike | Iterable<Tensor>,
    { batchSize = 256, method = "pooled" }: { batchSize?: number; method?: "pooled" | "average" } = {},
  ): void {
    count(batchSize, "batchSize", 1);
    oneOf(method, "method", ["pooled", "average"]);
    const modes = this.modes();
    this.train();
    const noting = core.startRecalibration();
    try {
      for (const batch of batchesOf(x, batchSize)) {
        scope(() => {
          noGrad(() => this.forward(batch));
        });
      }
      for (const [, module] of this.coreModules())
        must(core.recalibrate(noting, module.id, Number(method === "average")));
    } finally {
      release(noting);
      restoreModes(modes);
    }
  }

  /** Rows of {@link summary}. `input` is the shape of the model's input, if its output shapes are wanted. */
  summaryRows(input?: readonly number[]): SummaryRow[] {
    return this.rows(input === undefined ? undefined : inputShapes(this, input));
  }
  /** @internal The same, by the shapes that built-in modules are given. */
  rows(shapes: Shapes | undefined): SummaryRow[] {
    return this.children().flatMap(([name, child]) =>
      child instanceof Parameter
        ? [
            {
              path: name,
              kind: "parameter",
              output: null,
              parameters: child.size,
              buffers: 0,
              frozen: !child.requiresGrad,
              container: false,
            },
          ]
        : child.rows(shapes).map((row) => ({ ...row, path: row.path === "" ? name : `${name}.${row.path}` })),
    );
  }
  /** A table of layers, output shapes and parameters. */
  summary(input?: readonly number[]): string {
    return tableOf(this.summaryRows(input));
  }
  /** The same. */
  override toString(): string {
    return this.summary();
  }

  /** Frees what it holds in the core. */
  override dispose(): void {
    for (const [, child] of this.children()) child.dispose();
  }
}
