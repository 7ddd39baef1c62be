/**
 * Golden files of batch norm in PyTorch's, Keras' and the lecture's conventions, of its folding and its population
 * statistics, and of feature norm.
 */
import { EvenkeelError, eye, nn, type Tensor } from "evenkeel";
import { stateOf } from "./layers.js";
import type { Run } from "./run.js";

const names = { gamma: "weight", beta: "bias", running_mean: "running_mean", running_var: "running_var" } as const;

/** Puts what the file gives in place of a layer's values. */
function load(run: Run, layer: nn.CoreModule): void {
  const state: nn.State = {};
  for (const [input, name] of Object.entries(names)) if (run.given(input)) state[name] = stateOf(run, input);
  const { unexpected, misshapen } = layer.loadState(state, { strict: false });
  run.must(unexpected.length + misshapen.length === 0, `does not fit the layer: ${[...unexpected, ...misshapen]}`);
}

/** A value of a layer, as a tensor has it. */
function value(layer: nn.CoreModule, name: string): { data: Float32Array; shape: readonly number[] } {
  const found = layer.state()[name];
  if (found === undefined || typeof found === "number") throw new Error(`the state has no values ${name}`);
  return found;
}

/** Compares a value of a layer, or a function of it. */
function compareValue(run: Run, wanted: string, layer: nn.CoreModule, name: string, f?: (v: number) => number): void {
  const { data, shape } = value(layer, name);
  run.compare("outputs", wanted, shape, f === undefined ? data : Array.from(data, f));
}

function grads(run: Run, layer: nn.CoreModule): void {
  for (const [name, p] of layer.namedParameters()) run.grad(name === "weight" ? "gamma" : "beta", p);
}

/** The layer of a file with PyTorch's settings. */
function torch(run: Run): nn.CoreModule {
  const { config } = run.case;
  const momentum = config.momentum as number | null | undefined;
  const layer = nn.batchNorm(run.number("num_features"), {
    ...("eps" in config ? { eps: run.number("eps") } : {}),
    ...(momentum === undefined ? {} : { momentum }),
    ...("affine" in config ? { affine: config.affine === true } : {}),
    ...("track_running_stats" in config ? { trackRunningStats: config.track_running_stats === true } : {}),
  });
  load(run, layer);
  return config.training === false ? layer.eval() : layer;
}

export function batchNorm(run: Run): void {
  const layer = torch(run);
  const x = run.tracked("x");
  const y = layer.forward(x);
  y.backward(run.input("gy"));
  run.output("y", y);
  run.grad("x", x);
  grads(run, layer);
  if (run.has("running_mean")) {
    compareValue(run, "running_mean", layer, "running_mean");
    compareValue(run, "running_var", layer, "running_var");
    run.scalar("num_batches_tracked", layer.state().num_batches_tracked as number);
  }
  if (run.has("batch_mean")) {
    // What a layer stores that takes each batch's statistics as they are.
    const bare = nn.batchNorm(run.number("num_features"), { momentum: 1, variance: "biased" });
    bare.forward(x);
    compareValue(run, "batch_mean", bare, "running_mean");
    compareValue(run, "batch_var_biased", bare, "running_var");
  }
}

/** What PyTorch refuses is refused here, and nothing moves. */
export function batchNormError(run: Run): void {
  const layer = torch(run);
  const before = JSON.stringify(layer.state());
  const fits = run.golden("x").shape[1] === run.number("num_features");
  let code: unknown;
  try {
    layer.forward(run.input("x"));
  } catch (error) {
    code = error instanceof EvenkeelError ? error.code : error;
  }
  const wanted = fits ? "BATCH_NORM_ONE_VALUE" : "SHAPE_MISMATCH";
  run.must(code === wanted, `should fail with ${wanted}, but gave ${code}`);
  run.must(JSON.stringify(layer.state()) === before, "the state moved");
}

export function sequence(run: Run): void {
  const layer = torch(run);
  for (let i = 0; i < run.number("batches"); i++) {
    layer.forward(run.input(`x${i}`));
    const after = (what: string) => `${what}_after_${i + 1}`;
    if (!run.has(after("running_mean"))) continue;
    compareValue(run, after("running_mean"), layer, "running_mean");
    compareValue(run, after("running_var"), layer, "running_var");
    run.scalar(after("num_batches_tracked"), layer.state().num_batches_tracked as number);
  }
  run.output("y_eval_of_x0", layer.predict(run.input("x0")));
}

/** Keras has channels last: moves the last axis to place 1, and back. */
function moved(x: Tensor, last: boolean, back: boolean): Tensor {
  if (!last || x.rank < 3) return x;
  const inner = Array.from({ length: x.rank - 2 }, (_, i) => i + (back ? 2 : 1));
  return x.permute(back ? [0, ...inner, 1] : [0, x.rank - 1, ...inner]);
}

export function keras(run: Run): void {
  const { config } = run.case;
  const last = run.number("axis") === -1;
  const [features] = run.golden("gamma").shape as [number];
  const layer = nn.batchNorm(features, {
    convention: "keras",
    decay: run.number("momentum"),
    scale: config.scale === true,
    shift: config.center === true,
    // Otherwise the convention's own.
    ...(run.number("eps") === 1e-3 ? {} : { eps: run.number("eps") }),
  });
  load(run, layer);
  let first: { x: Tensor; y: Tensor } | undefined;
  for (let i = 0; i < run.number("steps"); i++) {
    const x = run.tracked(`x${i}`);
    const y = moved(layer.forward(moved(x, last, false)), last, true);
    compareValue(run, `moving_mean_after_${i + 1}`, layer, "running_mean");
    compareValue(run, `moving_variance_after_${i + 1}`, layer, "running_var");
    first ??= { x, y };
  }
  if (first === undefined) throw new Error("a file without steps");
  run.output("y", first.y);
  first.y.backward(run.input("gy"));
  run.grad("x0", first.x);
  grads(run, layer);
  run.output("y_eval_of_x0", moved(layer.predict(moved(first.x.detach(), last, false)), last, true));
}

/** μ̄ and σ̄ of the lecture: averages of means and standard deviations that start from the first batch. */
export function lecture(run: Run): void {
  const [, features] = run.golden("x0").shape as [number, number];
  const layer = nn.batchNorm(features, { convention: "lecture", decay: run.number("p"), affine: false });
  for (let i = 0; run.given(`x${i}`); i++) {
    layer.forward(run.input(`x${i}`));
    compareValue(run, `mu_bar_after_${i + 1}`, layer, "running_mean");
    compareValue(run, `sigma_bar_after_${i + 1}`, layer, "running_var", Math.sqrt);
  }
  run.output("y_eval_of_x0", layer.predict(run.input("x0")));
}

/** Algorithm 2 of the paper; its scale and shift are what folding into an identity gives. */
export function population(run: Run): void {
  const [features] = run.golden("gamma").shape as [number];
  const norm = nn.batchNorm(features, { eps: run.number("eps") });
  load(run, norm);
  const identity = nn.dense(features, features, { bias: false });
  identity.loadState({ weight: { data: eye(features).toArray(), shape: [features, features] } });
  const model = nn.sequential(identity, norm);
  const batches = Array.from({ length: run.number("batches") }, (_, i) => run.input(`x${i}`));
  model.recalibrate(batches, { method: "average" });
  compareValue(run, "mean", norm, "running_mean");
  compareValue(run, "var", norm, "running_var");
  run.output("y_eval_of_x0", model.predict(run.input("x0")));
  const folded = model.foldBatchNorm();
  const { data } = value(folded, "0.weight");
  const diagonal = Array.from({ length: features }, (_, i) => data[i * (features + 1)] as number);
  run.compare("outputs", "scale", [features], diagonal);
  compareValue(run, "shift", folded, "0.bias");
}

export function fold(run: Run): void {
  const [out, inputs] = run.golden("w").shape as [number, number];
  const dense = nn.dense(inputs, out, { bias: run.given("b") });
  dense.loadState({ weight: stateOf(run, "w"), ...(run.given("b") ? { bias: stateOf(run, "b") } : {}) });
  const norm = nn.batchNorm(out, { eps: run.number("eps") });
  load(run, norm);
  const model = nn.sequential(dense, norm);
  const folded = model.foldBatchNorm();
  run.must(Object.keys(folded.state()).length === 2, "one dense layer should be left");
  compareValue(run, "w_folded", folded, "0.weight");
  compareValue(run, "b_folded", folded, "0.bias");
  run.output("y", folded.predict(run.input("x")));
  run.output("y", model.predict(run.input("x")));
}

export function featureNorm(run: Run): void {
  const x = run.input("x");
  const layer = nn.featureNorm(x.shape[1] as number).adapt(x);
  compareValue(run, "mean", layer, "mean");
  compareValue(run, "std", layer, "std");
  run.output("y", layer.forward(x));
}
