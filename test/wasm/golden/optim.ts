/** Golden files of optimizers, clipping of gradients and initial values. */
import { manualSeed, nn, Optimizer, optim, type Tensor, zeros } from "evenkeel";
import { numberOf } from "./case.js";
import type { Run } from "./run.js";

type Settings = Readonly<Record<string, unknown>>;

const camel = (name: string): string => name.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase());

/** The optimizer of a file; one that is not known, or that has a setting this file does not name, fails. */
function specOf(run: Run): optim.OptimizerSpec {
  const { op, config } = run.case;
  const own = { adamw: ["decoupled_weight_decay"] }[op.replace(/^optimizer_/, "")] ?? [];
  const settings: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(config)) {
    // AdamW is decoupled by its nature, and has no such option.
    if (key !== "steps" && !own.includes(key)) settings[camel(key)] = value;
  }
  const makers = optim as unknown as Record<string, ((settings: Settings) => optim.OptimizerSpec) | undefined>;
  const make = makers[op.replace(/^optimizer_/, "")];
  if (make === undefined) throw new Error(`nobody knows the optimizer of "${op}"`);
  // Adam and RAdam of PyTorch have a switch that is off unless they are decoupled.
  if (op === "optimizer_adam" && settings.decoupledWeightDecay === false) delete settings.decoupledWeightDecay;
  return make(settings);
}

/** Gives parameters these gradients: those of Σ p·g. */
function giveGradients(parameters: readonly Tensor[], gradients: readonly Tensor[]): void {
  const terms = parameters.map((p, i) => p.mul(gradients[i] as Tensor).sum());
  terms.reduce((a, b) => a.add(b)).backward();
}

/** Two parameters in one group, given their gradients step by step. */
export function optimizer(run: Run): void {
  const names = ["p", "q"];
  const parameters = names.map((name) => nn.parameter(run.input(`${name}0`)));
  const optimizer = new Optimizer(parameters, specOf(run));
  for (let step = 1; step <= run.number("steps"); step++) {
    const gradients = names.map((name) => run.input(`g${name}${step - 1}`));
    giveGradients(parameters, gradients);
    for (const [i, p] of parameters.entries()) {
      const same = String(p.grad?.toArray()) === String(gradients[i]?.toArray());
      run.must(same, `the gradient of ${names[i]} in step ${step} is not the one given`);
    }
    optimizer.step();
    optimizer.zeroGrad();
    for (const [i, p] of parameters.entries()) run.output(`${names[i]}${step}`, p);
  }
}

/** Parameters that hold the gradients of the file. */
function withGradients(run: Run): Tensor[] {
  const gradients = Object.keys(run.case.inputs).map((_, i) => run.input(`g${i}`));
  const parameters = gradients.map((g) => nn.parameter(zeros(g.shape)));
  giveGradients(parameters, gradients);
  return parameters;
}

function compareGradients(run: Run, parameters: readonly Tensor[]): void {
  for (const [i, p] of parameters.entries()) {
    const { grad } = p;
    if (grad === undefined) run.must(false, `parameter ${i} has lost its gradient`);
    else run.output(`g${i}_clipped`, grad);
  }
}

export function clipNorm(run: Run): void {
  const parameters = withGradients(run);
  run.scalar("total_norm", optim.clipGradNorm(parameters, run.number("max_norm"), { p: run.number("norm_type") }));
  compareGradients(run, parameters);
}

export function clipValue(run: Run): void {
  const parameters = withGradients(run);
  optim.clipGradValue(parameters, run.number("clip_value"));
  compareGradients(run, parameters);
}

interface Scheme {
  readonly scheme: string;
  readonly shape: readonly [number, number];
  readonly std: number;
  readonly bound?: number;
  readonly bias_bound?: number;
  readonly gain?: number;
  readonly a?: number;
  readonly mode?: string;
  readonly nonlinearity?: string;
}

/** The initial weight and bias of a dense layer, always from the same place in the generator. */
function drawn([out, inputs]: readonly [number, number], init: nn.Init): { weight: Float32Array; bias: Float32Array } {
  manualSeed(5);
  const state = nn.dense(inputs, out, { init }).state();
  const data = (name: string) => (state[name] as { data: Float32Array }).data;
  return { weight: data("weight"), bias: data("bias") };
}

function initOf(row: Scheme): nn.Init {
  if (row.scheme === "torch_linear_or_conv_default") return "torchLinear";
  const name = camel(row.scheme);
  if (name.startsWith("lecun")) return name as nn.Init;
  const { gain, a, mode, nonlinearity } = row;
  if (name.startsWith("xavier")) return { name, gain } as nn.Init;
  return { name, a, mode: camel(mode ?? "fan_in"), nonlinearity: camel(nonlinearity ?? "linear") } as nn.Init;
}

/**
 * Each scheme draws what the plain law draws from the same place in the generator, times its standard deviation or
 * bound: so these are seen to full precision.
 */
export function init(run: Run): void {
  const table = (run.case.raw.outputs as { table: Scheme[] }).table;
  run.must(table.length > 0, "an empty table");
  for (const row of table) {
    const say = JSON.stringify(row);
    // Weights of more axes come with convolution.
    if (row.shape.length !== 2) continue;
    const { weight, bias } = drawn(row.shape, initOf(row));
    const uniform = row.bound !== undefined;
    const scale = numberOf(row.bound ?? row.std);
    const plain = drawn(row.shape, uniform ? { name: "uniform", a: -1, b: 1 } : { name: "normal", mean: 0, std: 1 });
    const size = plain.weight.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    const off = weight.findIndex((w, i) => !(Math.abs(w - scale * (plain.weight[i] as number)) <= 1e-6 * scale * size));
    run.must(off === -1, `weight ${off} is ${weight[off]}, not ${scale}·${plain.weight[off]}: ${say}`);
    const { length } = plain.weight;
    const std = Math.sqrt(weight.reduce((sum, w) => sum + w * w, 0) / length);
    const slack = (6 * row.std) / Math.sqrt(2 * length);
    run.must(Math.abs(std - row.std) < slack, `the standard deviation is ${std}: ${say}`);
    if (uniform) {
      run.must(size <= 1 && size > 0.99, `the plain law fills ±${size}, not ±1`);
      run.must(Math.abs(row.std * Math.sqrt(3) - scale) < 1e-12, `bound and std do not fit together: ${say}`);
    }
    const widest = bias.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    const limit = row.bias_bound ?? 0;
    run.must(widest <= limit && widest >= 0.7 * limit, `the bias reaches ±${widest}, not ±${limit}: ${say}`);
  }
}
