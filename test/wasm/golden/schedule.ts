/** Golden files of learning-rate schedules, by the optimizer whose rate a scheduler moves. */
import { nn, Optimizer, optim, Scheduler, schedule as schedules } from "evenkeel";
import type { Run } from "./run.js";

/** One of the text forms inside a sequence: "linear(start .1, total 5)", "cosine(T_max 25)". */
function described(text: string): schedules.ScheduleSpec {
  const [, kind = "", list = ""] = /^(\w+)\((.*)\)$/.exec(text) ?? [];
  const number = (name: string): number => {
    const found = list.split(", ").find((argument) => argument.startsWith(`${name} `));
    if (found === undefined) throw new Error(`${text} has no ${name}`);
    return Number(found.slice(name.length));
  };
  switch (kind) {
    case "linear":
      return schedules.linear({ startFactor: number("start"), endFactor: 1, totalIters: number("total") });
    case "constant":
      return schedules.constant({ factor: number("factor"), totalIters: number("total") });
    case "cosine":
      return schedules.cosine({ tMax: number("T_max") });
    case "exponential":
      return schedules.exponential({ gamma: number("gamma") });
    default:
      throw new Error(`nobody knows the schedule "${text}"`);
  }
}

function specOf(run: Run): schedules.ScheduleSpec {
  const { config } = run.case;
  const n = (name: string) => run.number(name);
  const milestones = config.milestones as readonly number[];
  switch (config.kind) {
    case "step":
      return schedules.step({ stepSize: n("step_size"), gamma: n("gamma") });
    case "multistep":
      return schedules.multiStep({ milestones, gamma: n("gamma") });
    case "exponential":
      return schedules.exponential({ gamma: n("gamma") });
    case "cosine":
      return schedules.cosine({ tMax: n("T_max"), etaMin: n("eta_min") });
    case "cosine_restarts":
      return schedules.cosineRestarts({ t0: n("T_0"), tMult: n("T_mult"), etaMin: n("eta_min") });
    case "linear":
      return schedules.linear({
        startFactor: n("start_factor"),
        endFactor: n("end_factor"),
        totalIters: n("total_iters"),
      });
    case "constant":
      return schedules.constant({ factor: n("factor"), totalIters: n("total_iters") });
    case "polynomial":
      return schedules.polynomial({ totalIters: n("total_iters"), power: n("power") });
    case "onecycle":
      return schedules.oneCycle({
        maxLr: n("max_lr"),
        totalSteps: n("total_steps"),
        pctStart: n("pct_start"),
        annealStrategy: config.anneal_strategy as "cos" | "linear",
        divFactor: n("div_factor"),
        finalDivFactor: n("final_div_factor"),
        threePhase: config.three_phase === true,
        cycleMomentum: config.cycle_momentum === true,
        baseMomentum: n("base_momentum"),
        maxMomentum: n("max_momentum"),
      });
    case "plateau":
      return schedules.plateau({
        mode: config.mode as "min" | "max",
        factor: n("factor"),
        patience: n("patience"),
        threshold: n("threshold"),
        thresholdMode: config.threshold_mode as "rel" | "abs",
        cooldown: n("cooldown"),
        minLr: n("min_lr"),
        eps: n("eps"),
      });
    case "sequential":
      return schedules.sequential((config.of as readonly string[]).map(described), milestones);
    default:
      throw new Error(`nobody knows the schedule "${config.kind}"`);
  }
}

/**
 * The momentum in force, seen by what it does: with gradient 1 Nesterov's update of a value at 0 is
 * −lr·(1 + m + m²·b), where b is the velocity so far.
 */
class MomentumProbe {
  readonly #value = nn.parameter([0]);
  readonly #optimizer: Optimizer;
  #velocity = 0;
  constructor() {
    this.#optimizer = new Optimizer([this.#value], optim.sgd({ lr: 0.1, momentum: 0.5, nesterov: true }));
  }
  get optimizer(): Optimizer {
    return this.#optimizer;
  }
  measure(): number {
    this.#value.assign([0]);
    this.#value.sum().backward();
    this.#optimizer.step();
    this.#optimizer.zeroGrad();
    const [lr = Number.NaN] = this.#optimizer.lr;
    const rest = this.#value.item() / -lr - 1;
    const b = this.#velocity;
    const m = b === 0 ? rest : (Math.sqrt(1 + 4 * b * rest) - 1) / (2 * b);
    this.#velocity = m * b + 1;
    return m;
  }
}

export function schedule(run: Run): void {
  const spec = specOf(run);
  const { data: wanted } = run.case.computed.outputs.lr as { data: readonly number[] };
  const metric = run.given("metric") ? run.golden("metric").data : undefined;
  const base = run.number("base_lr");
  // Two groups, to see that they do not mix; a cycle's rate is the same for all.
  const groups = [base, base / 4].map((lr) => ({ parameters: [nn.parameter([1])], optimizer: optim.sgd({ lr }) }));
  const optimizer = new Optimizer(groups);
  const scheduler = new Scheduler(optimizer, spec);
  const probe = run.has("momentum") ? new MomentumProbe() : undefined;
  const probed = probe === undefined ? undefined : new Scheduler(probe.optimizer, spec);
  const rates: number[] = [];
  const momenta: number[] = [];
  for (let t = 0; t < wanted.length; t++) {
    rates.push(optimizer.lr[0] as number);
    if (probe !== undefined) momenta.push(probe.measure());
    const observed = metric?.[t];
    if (observed !== undefined) scheduler.observe(observed);
    scheduler.step();
    probed?.step();
  }
  // Number by number, to 1e-12 of itself; what PyTorch's recursion leaves of 0 may be 0.
  const far = rates.findIndex(
    (r, t) => Math.abs(r - (wanted[t] as number)) > 1e-12 * Math.max(wanted[t] as number, 1e-5),
  );
  run.must(far === -1, `lr[${far}] is ${rates[far]}, not ${wanted[far]}`);
  run.compare("outputs", "lr", [rates.length], rates, 1e-12);
  // Seen through updates in single precision.
  if (run.has("momentum")) run.compare("outputs", "momentum", [momenta.length], momenta, 5e-6);
}
