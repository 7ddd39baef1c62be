/** Optimizers and schedulers for training by hand. */

import {
  CoreGroups,
  type CoreOptimizer,
  CoreScheduler,
  clipGradNorm as coreClipNorm,
  clipGradValue as coreClipValue,
} from "../../build/wasm/evenkeel.js";
import { badArgument, finite } from "../check.js";
import { call } from "../core.js";
import { Handle, scope } from "../handle.js";
import { type Features, Module, Parameter } from "../nn/module.js";
import type { Tensor } from "../tensor/tensor.js";
import { encode } from "../wire.js";
import type { ScheduleSpec } from "./schedule.js";
import { adam, type OptimizerSpec } from "./specs.js";

/** Parameters that share an optimizer's settings. */
export interface ParameterGroup {
  readonly parameters: Iterable<Tensor>;
  readonly optimizer: OptimizerSpec;
}

/** What an optimizer is for: a model, parameters, or groups with settings of their own. */
export type Trainable = Module<Features, Features> | Iterable<Tensor> | readonly ParameterGroup[];

const roles = { weight: 0, bias: 1, norm: 2 } as const;

function groupsOf(target: Trainable, spec: OptimizerSpec): ParameterGroup[] {
  if (target instanceof Module) return [{ parameters: target.parameters(), optimizer: spec }];
  const all = Array.from(target as Iterable<Tensor | ParameterGroup>);
  if (all.length > 0 && all.every((g) => "parameters" in g && "optimizer" in g)) return all as ParameterGroup[];
  return [{ parameters: all as Tensor[], optimizer: spec }];
}

/** @internal The core's optimizer. */
export function makeOptimizer(target: Trainable, spec: OptimizerSpec): CoreOptimizer {
  // The handles that a model gives on its parameters are nobody's.
  return scope(() => {
    const groups = call(() => new CoreGroups());
    for (const { parameters, optimizer } of groupsOf(target, spec)) {
      const all = Array.from(parameters);
      const kinds = Uint8Array.from(all, (p) => roles[p instanceof Parameter ? p.role : "weight"]);
      const settings = encode({ type: optimizer.type, ...optimizer.settings });
      call(() =>
        groups.add(
          settings,
          all.map((p) => p.core.share()),
          kinds,
        ),
      );
    }
    return call(() => groups.build());
  });
}

/**
 * Updates parameters from their gradients. All parameters of a group lie in one block of memory, so an update is one
 * pass.
 *
 * @example
 * const optimizer = new Optimizer(model, optim.adam({ lr: 1e-3 }));
 * const loss = nn.crossEntropy(model.forward(x), y);
 * loss.backward(); optimizer.step(); optimizer.zeroGrad();
 */
export class Optimizer extends Handle<CoreOptimizer> {
  constructor(target: Trainable, spec: OptimizerSpec = adam()) {
    super(makeOptimizer(target, spec), "optimizer");
  }
  /** Updates every parameter that has a gradient. */
  step(): void {
    call(() => this.core.step());
  }
  /** Forgets all gradients. */
  zeroGrad(): void {
    call(() => this.core.zeroGrad());
  }
  /** Learning rates, one a group. */
  get lr(): number[] {
    return Array.from(call(() => this.core.rates()));
  }
  set lr(rates: readonly number[]) {
    const groups = this.lr.length;
    if (!Array.isArray(rates) || rates.length !== groups || !rates.every((r) => Number.isFinite(r) && r >= 0)) {
      throw badArgument("lr", `${groups} ${groups === 1 ? "rate" : "rates"} of at least 0, one a group`, rates);
    }
    call(() => this.core.setRates(Float64Array.from(rates)));
  }
  /** @internal */
  setRates(rates: Float64Array, momentum: number | undefined): void {
    call(() => this.core.setRates(rates, momentum));
  }
}

/** Moves an optimizer's learning rates along a schedule; by hand, `step()` after each epoch or update. */
export class Scheduler extends Handle<CoreScheduler> {
  readonly #optimizer: Optimizer;
  constructor(optimizer: Optimizer, spec: ScheduleSpec) {
    super(makeScheduler(spec, optimizer.lr), "scheduler");
    this.#optimizer = optimizer;
    this.#apply();
  }
  #apply(): void {
    this.#optimizer.setRates(
      call(() => this.core.rates()),
      call(() => this.core.momentum()),
    );
  }
  /** Goes on to the next step of the schedule. */
  step(): void {
    call(() => this.core.step());
    this.#apply();
  }
  /** Tells a plateau the metric it watches. */
  observe(metric: number): void {
    call(() => this.core.observe(metric));
    this.#apply();
  }
}

/** @internal */
export function makeScheduler(spec: ScheduleSpec, rates: readonly number[]): CoreScheduler {
  return call(() => new CoreScheduler(encode(spec), Float64Array.from(rates)));
}

/** Scales the gradients of these parameters so that their common norm is at most `maxNorm`; returns the norm before. */
export function clipGradNorm(parameters: Iterable<Tensor>, maxNorm: number, { p = 2 }: { p?: number } = {}): number {
  return call(() =>
    coreClipNorm(
      Array.from(parameters, (t) => t.core.share()),
      finite(maxNorm, "maxNorm"),
      p,
    ),
  );
}

/** Limits each gradient of these parameters to ±value. */
export function clipGradValue(parameters: Iterable<Tensor>, value: number): void {
  call(() =>
    coreClipValue(
      Array.from(parameters, (t) => t.core.share()),
      finite(value, "value"),
    ),
  );
}
