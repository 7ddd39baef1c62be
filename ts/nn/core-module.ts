/** Built-in modules: handles on the core's. */

import { CoreLayer } from "../../build/wasm/evenkeel.js";
import { seedOf } from "../check.js";
import { call, passWarnings } from "../core.js";
import { joinFile } from "../file.js";
import { disposed } from "../handle.js";
import { nameOf } from "../messages.js";
import { checkShape } from "../tensor/input.js";
import { Tensor, type TensorLike, takeTensor } from "../tensor/tensor.js";
import { decode, encode } from "../wire.js";
import { type Features, Module, Parameter, type Role } from "./module.js";
import { cameFrom, notice, type Shapes } from "./place.js";
import { packState, type State, type StateReport, takeState, unpackState } from "./state.js";
import type { SummaryRow } from "./summary.js";

const roles: readonly Role[] = ["weight", "bias", "norm"];

/** The description of a layer, as files carry it. */
export interface Spec {
  readonly type: string;
  readonly children?: readonly Spec[];
  readonly [setting: string]: unknown;
}

/** A module of the core. Handles on parts of it share what they hold. */
export class CoreModule<In extends Features = Features, Out extends Features = Features> extends Module<In, Out> {
  #core: CoreLayer | undefined;
  readonly #parts: readonly Module<Features, Features>[];

  /** @internal `parts` are the handles of what it was made of: its to dispose of, as nobody may have named them. */
  constructor(core: CoreLayer, parts: readonly Module<Features, Features>[] = []) {
    super();
    this.#core = core;
    this.#parts = parts;
  }
  /** @internal */
  get core(): CoreLayer {
    if (this.#core === undefined) throw disposed("module");
    return this.#core;
  }
  /** @internal */
  override children(): [] {
    return [];
  }
  /** @internal */
  override coreModules(path = ""): [string, CoreModule][] {
    return [[path, this as unknown as CoreModule]];
  }
  /** The layers' description. */
  get spec(): Spec {
    return decode(call(() => this.core.spec())) as Spec;
  }
  override forward(x: TensorLike): Tensor {
    if (x instanceof Tensor) return this.#run(x);
    const input = new Tensor(takeTensor(x, "x"));
    try {
      return this.#run(input);
    } finally {
      input.dispose();
    }
  }
  #run(x: Tensor): Tensor {
    return this.#traced(() => {
      const y = call(() => {
        const result = this.core.forward(x.core);
        passWarnings();
        return result;
      });
      notice(this as unknown as CoreModule, x);
      return new Tensor(y);
    });
  }
  /** Notes which module an error came out of, so that a model of one's own around it can say where. */
  #traced<R>(f: () => R): R {
    try {
      return f();
    } catch (error) {
      throw cameFrom(this as unknown as CoreModule, error);
    }
  }
  /** @internal */
  override predictOnce(x: Tensor): Tensor {
    return this.#traced(() => new Tensor(call(() => this.core.predict(x.core))));
  }
  override namedParameters(): [string, Parameter][] {
    const names = call(() => this.core.parameterNames());
    const numbers = call(() => this.core.parameterRoles());
    const all = call(() => this.core.parameters());
    return names.map((name, i) => [name, new Parameter(all[i] as never, roles[numbers[i] as number] as Role)]);
  }
  override train(): this {
    call(() => this.core.train());
    return this;
  }
  override eval(): this {
    call(() => this.core.eval());
    return this;
  }
  override get mode(): "train" | "eval" {
    return call(() => this.core.training()) ? "train" : "eval";
  }
  /** @internal */
  override modes(): (() => void)[] {
    const modes = call(() => this.core.modes());
    return [() => call(() => this.core.setModes(modes))];
  }
  override freeze(frozen = true): this {
    call(() => this.core.freeze(frozen));
    return this;
  }
  /** Whether `freeze` holds it. */
  get frozen(): boolean {
    return call(() => this.core.frozen());
  }
  override seed(seed: number): this {
    call(() => this.core.seed(seedOf(seed)));
    return this;
  }
  override state(): State {
    return unpackState(call(() => this.core.state()));
  }
  override loadState(state: State | Uint8Array, { strict = true }: { strict?: boolean } = {}): StateReport {
    const core = packState(takeState(state));
    try {
      return decode(
        call(() => {
          const report = this.core.loadState(core, strict);
          passWarnings();
          return report;
        }),
      ) as StateReport;
    } finally {
      core.free();
    }
  }
  /** The model as one safetensors file, values and architecture, that `nn.load` rebuilds alone. */
  override save(): Uint8Array {
    return joinFile(call(() => this.core.save()));
  }
  override clone(): this {
    const Class = this.constructor as new (core: CoreLayer) => this;
    return new Class(call(() => this.core.duplicate()));
  }
  /** A copy for inference in which each batch norm that follows a dense layer is folded into it. */
  foldBatchNorm(): CoreModule<In, Out> {
    return new CoreModule(call(() => this.core.foldBatchNorm()));
  }
  /** @internal */
  override rows(shapes: Shapes | undefined): SummaryRow[] {
    return this.summaryRows(shapes?.get(this as unknown as CoreModule));
  }
  override summaryRows(input?: readonly number[]): SummaryRow[] {
    const shape = Uint32Array.from(checkShape(input ?? [], "the input"));
    const rows = decode(call(() => this.core.summary(shape))) as SummaryRow[];
    return rows.map((row) => ({ ...row, kind: nameOf(row.kind) }));
  }
  override dispose(): void {
    this.#core?.free();
    this.#core = undefined;
    for (const part of this.#parts) part.dispose();
  }
}

/** @internal A layer from its description. */
export function build(spec: Spec): CoreLayer {
  return call(() => CoreLayer.fromSpec(encode(spec), Number.NaN));
}
