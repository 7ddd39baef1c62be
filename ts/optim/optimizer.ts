/** Optimizers and schedulers for training by hand. */

import { badArgument, finite } from "../check.js";
import { byteRow, core, intRow, must, number, told } from "../crossing.js";
import { Handle, scope } from "../handle.js";
import { type Features, Module, Parameter } from "../nn/module.js";
import { idOf, type Tensor } from "../tensor/tensor.js";
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

/** @internal An optimizer of the core. */
export function makeOptimizer(target: Trainable, spec: OptimizerSpec): number {
  // The handles that a model gives on its parameters are nobody's.
  return scope(() => {
    // A generator may free what it has given: all run to their ends before numbers are taken.
    const given = groupsOf(target, spec).map((group) => ({ ...group, parameters: Array.from(group.parameters) }));
    const groups = given.map(({ parameters, optimizer }) => ({
      type: optimizer.type,
      ...optimizer.settings,
      parameters: parameters.map((p, i) => [
        idOf(p, `parameter ${i}`),
        roles[p instanceof Parameter ? p.role : "weight"],
      ]),
    }));
    return must(core.makeOptimizer(byteRow(encode(groups))));
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
export class Optimizer extends Handle {
  constructor(target: Trainable, spec: OptimizerSpec = adam()) {
    super(makeOptimizer(target, spec), "optimizer");
  }
  /** Updates every parameter that has a gradient. */
  step(): void {
    must(core.updateParameters(this.id));
  }
  /** Forgets all gradients. */
  zeroGrad(): void {
    core.zeroGrads(this.id);
  }
  /** Learning rates, one a group. */
  get lr(): number[] {
    core.rates(this.id);
    return told();
  }
  set lr(rates: readonly number[]) {
    const groups = this.lr.length;
    if (!Array.isArray(rates) || rates.length !== groups || !rates.every((r) => Number.isFinite(r) && r >= 0)) {
      throw badArgument("lr", `${groups} ${groups === 1 ? "rate" : "rates"} of at least 0, one a group`, rates);
    }
    must(core.setRates(this.id, byteRow(encode(rates))));
  }
}

/** Moves an optimizer's learning rates along a schedule; by hand, `step()` after each epoch or update. */
export class Scheduler extends Handle {
  readonly #optimizer: Optimizer;
  constructor(optimizer: Optimizer, spec: ScheduleSpec) {
    if (!(optimizer instanceof Optimizer)) throw badArgument("optimizer", "an Optimizer", optimizer);
    super(makeScheduler(spec, optimizer.id), "scheduler");
    this.#optimizer = optimizer;
    this.#apply();
  }
  #apply(): void {
    must(core.applySchedule(this.id, this.#optimizer.id));
  }
  /** Goes on to the next step of the schedule. */
  step(): void {
    core.stepScheduler(this.id);
    this.#apply();
  }
  /** Tells a plateau the metric it watches. */
  observe(metric: number): void {
    core.observe(this.id, metric);
    this.#apply();
  }
}

/** @internal A schedule of the core that starts from the rates of an optimizer. */
export function makeScheduler(spec: ScheduleSpec, optimizer: number): number {
  return must(core.makeScheduler(byteRow(encode(spec)), optimizer));
}

const idsOf = (parameters: Iterable<Tensor>): number[] =>
  Array.from(parameters).map((p, i) => idOf(p, `parameter ${i}`));

/** Scales the gradients of these parameters so that their common norm is at most `maxNorm`; returns the norm before. */
export function clipGradNorm(parameters: Iterable<Tensor>, maxNorm: number, { p = 2 }: { p?: number } = {}): number {
  must(core.clipGradNorm(intRow(idsOf(parameters)), finite(maxNorm, "maxNorm"), p));
  return number(0);
}

/** Limits each gradient of these parameters to ±value. */
export function clipGradValue(parameters: Iterable<Tensor>, value: number): void {
  must(core.clipGradValue(intRow(idsOf(parameters)), finite(value, "value")));
}
