/** Built-in modules: handles on the core's. */

import { seedOf } from "../check.js";
import { passWarnings } from "../core.js";
import { answer, byteRow, core, intRow, must, release, told } from "../crossing.js";
import { joinFile } from "../file.js";
import { Handle } from "../handle.js";
import { nameOf } from "../messages.js";
import { checkShape } from "../tensor/input.js";
import { Tensor, type TensorLike, takeTensor } from "../tensor/tensor.js";
import { encode } from "../wire.js";
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
  readonly #core: Handle;
  readonly #parts: readonly Module<Features, Features>[];

  /** @internal `parts` are the handles of what it was made of: its to dispose of, as nobody may have named them. */
  constructor(id: number, parts: readonly Module<Features, Features>[] = []) {
    super();
    this.#core = new Handle(id, "module");
    this.#parts = parts;
  }
  /** @internal */
  get id(): number {
    return this.#core.id;
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
    core.spec(this.id);
    return told();
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
      const y = new Tensor(must(core.forward(this.id, x.id)));
      passWarnings();
      notice(this as unknown as CoreModule, x);
      return y;
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
    return this.#traced(() => new Tensor(must(core.predict(this.id, x.id))));
  }
  override namedParameters(): [string, Parameter][] {
    core.parameters(this.id);
    const all = told<[name: string, id: number, role: number][]>();
    return all.map(([name, id, role]) => [name, new Parameter(id, roles[role] as Role)]);
  }
  override train(): this {
    core.setTraining(this.id, 1);
    return this;
  }
  override eval(): this {
    core.setTraining(this.id, 0);
    return this;
  }
  override get mode(): "train" | "eval" {
    return core.training(this.id) !== 0 ? "train" : "eval";
  }
  /** @internal */
  override modes(): (() => void)[] {
    core.modes(this.id);
    const modes = answer();
    return [() => core.setModes(this.id, byteRow(modes))];
  }
  override freeze(frozen = true): this {
    core.freeze(this.id, Number(frozen));
    return this;
  }
  /** Whether `freeze` holds it. */
  get frozen(): boolean {
    return core.frozen(this.id) !== 0;
  }
  override seed(seed: number): this {
    core.seedLayers(this.id, seedOf(seed));
    return this;
  }
  override state(): State {
    return unpackState(core.stateOf(this.id));
  }
  override loadState(state: State | Uint8Array, { strict = true }: { strict?: boolean } = {}): StateReport {
    const packed = packState(takeState(state));
    try {
      must(core.loadState(this.id, packed, Number(strict)));
      const report = told<StateReport>();
      passWarnings();
      return report;
    } finally {
      release(packed);
    }
  }
  /** The model as one safetensors file, values and architecture, that `nn.load` rebuilds alone. */
  override save(): Uint8Array {
    must(core.saveModel(this.id));
    return joinFile(answer());
  }
  override clone(): this {
    const Class = this.constructor as new (id: number) => this;
    return new Class(must(core.duplicate(this.id)));
  }
  /** A copy for inference in which each batch norm that follows a dense layer is folded into it. */
  foldBatchNorm(): CoreModule<In, Out> {
    return new CoreModule(must(core.foldBatchNorm(this.id)));
  }
  /** @internal */
  override rows(shapes: Shapes | undefined): SummaryRow[] {
    return this.summaryRows(shapes?.get(this as unknown as CoreModule));
  }
  override summaryRows(input?: readonly number[]): SummaryRow[] {
    core.summary(this.id, intRow(checkShape(input ?? [], "the input")));
    return told<SummaryRow[]>().map((row) => ({ ...row, kind: nameOf(row.kind) }));
  }
  override dispose(): void {
    this.#core.dispose();
    for (const part of this.#parts) part.dispose();
  }
}

/** @internal A layer from its description. */
export function build(spec: Spec): number {
  return must(core.makeLayer(byteRow(encode(spec))));
}
