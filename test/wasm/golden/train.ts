/** Golden files of whole trainings of a small network: by hand, step by step, and by `fit`, to the same bits. */
import { nn, Optimizer, optim, type Tensor, Trainer } from "evenkeel";
import { stateOf } from "./layers.js";
import { indicesOf, type Run } from "./run.js";

type Layer = nn.CoreModule;

/** linear(-BN)-sigmoid-linear(-BN)-relu-linear with the file's weights; the file's names by those in the model. */
function build(run: Run): { model: Layer; names: Map<string, string> } {
  const layers: Layer[] = [];
  const names = new Map<string, string>();
  const state: nn.State = {};
  const take = (name: string, from: string): void => {
    if (!run.given(from)) return;
    names.set(name, from);
    state[name] = stateOf(run, from);
  };
  const activations = [nn.sigmoid, nn.relu];
  for (let i = 0; i < 3; i++) {
    const [out, inputs] = run.golden(`w${i}`).shape as [number, number];
    take(`${layers.length}.weight`, `w${i}`);
    take(`${layers.length}.bias`, `b${i}`);
    layers.push(nn.dense(inputs, out, { bias: run.given(`b${i}`) }) as unknown as Layer);
    const activation = activations[i];
    if (activation === undefined) break;
    if (run.case.config.bn === true) {
      const at = layers.length;
      take(`${at}.weight`, `gamma${i}`);
      take(`${at}.bias`, `beta${i}`);
      for (const what of ["running_mean", "running_var"]) names.set(`${at}.${what}`, `${what}${i}`);
      const options = { eps: run.number("bn_eps"), momentum: run.number("bn_momentum") };
      layers.push(nn.batchNorm(out, options) as unknown as Layer);
    }
    layers.push(activation() as unknown as Layer);
  }
  const model = (nn.sequential as unknown as (...of: Layer[]) => Layer)(...layers);
  model.loadState(state, { strict: false });
  return { model, names };
}

function optimizerOf(run: Run): optim.OptimizerSpec {
  const { optimizer } = run.case.config;
  const settings = {
    lr: run.number("lr"),
    ...(run.optional("momentum") === undefined ? {} : { momentum: run.number("momentum") }),
  };
  if (optimizer === "adam") return optim.adam(settings);
  if (optimizer === "sgd") return optim.sgd(settings);
  throw new Error(`nobody knows the optimizer "${optimizer}"`);
}

export async function mlp(run: Run): Promise<void> {
  const { model, names } = build(run);
  const [steps, size] = [run.number("steps"), run.number("batch_size")];
  const x = run.golden("x");
  const rows = x.shape[0] as number;
  const width = x.data.length / rows;
  const labels = Int32Array.from(run.golden("target").data);
  const batch = (step: number) => {
    const from = (step * size) % rows;
    const data = Float32Array.from(x.data.slice(from * width, (from + size) * width));
    return { x: { data, shape: [size, width] }, y: labels.slice(from, from + size) };
  };

  // By hand, on a copy; the first step's logits and gradients are in the file.
  const byHand = model.clone();
  const optimizer = new Optimizer(byHand, optimizerOf(run));
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const b = batch(step);
    const logits = byHand.forward(b.x);
    const loss = nn.crossEntropy(logits, b.y);
    loss.backward();
    if (step === 0) compareFirst(run, logits, byHand, names);
    losses.push(loss.item());
    optimizer.step();
    optimizer.zeroGrad();
  }

  // One call a step, on another.
  const stepped = model.clone();
  const stepper = new Trainer(stepped, { loss: "crossEntropy", optimizer: optimizerOf(run) });
  const ofSteps = Array.from({ length: steps }, (_, step) => stepper.step(batch(step).x, batch(step).y).loss);

  // On the core's own copy of the data.
  const trainer = new Trainer(model, { loss: "crossEntropy", optimizer: optimizerOf(run) });
  const data = { x: { data: Float32Array.from(x.data), shape: x.shape }, y: indicesOf(run.golden("target")) };
  const ofFit: number[] = [];
  const stop = new AbortController();
  const onStep = ({ loss }: { loss: number }): void => {
    ofFit.push(loss);
    if (ofFit.length === steps) stop.abort();
  };
  try {
    const options = { ...data, epochs: steps, batchSize: size, shuffle: false, onStep, signal: stop.signal };
    for await (const _ of trainer.fit(options));
  } catch (error) {
    if (error !== stop.signal.reason) throw error;
  }

  run.compare("outputs", "losses", [steps], ofFit);
  const bits = (state: nn.State) => JSON.stringify(state, (_, v: unknown) => (v instanceof Float32Array ? [...v] : v));
  run.must(String(losses) === String(ofFit), `losses differ by hand: ${losses} and ${ofFit}`);
  run.must(String(ofSteps) === String(ofFit), `losses differ step by step: ${ofSteps} and ${ofFit}`);
  run.must(bits(byHand.state()) === bits(model.state()), "training by hand gives other bits");
  run.must(bits(stepped.state()) === bits(model.state()), "training step by step gives other bits");

  // The gradient of a bias in front of batch norm is 0 but for rounding, which Adam divides by its epsilon: the file's
  // note says what is not to be compared in single precision then.
  const noisy = run.case.raw.note !== undefined;
  const spoilt = noisy ? ["final_b0", "final_b1", "running_mean0", "running_mean1"] : [];
  for (const [name, value] of Object.entries(model.state())) {
    const own = names.get(name);
    if (own === undefined || typeof value === "number") continue;
    const wanted = own.startsWith("running") ? own : `final_${own}`;
    if (spoilt.includes(wanted)) run.skip(wanted);
    else run.compare("outputs", wanted, value.shape, value.data);
  }
  if (noisy) for (const name of ["eval_logits", "eval_loss", "eval_accuracy"]) run.skip(name);
  else {
    run.output("eval_logits", model.predict(data.x));
    const { loss, accuracy } = await trainer.evaluate(data, { batchSize: size });
    run.scalar("eval_loss", loss);
    run.scalar("eval_accuracy", accuracy);
  }
}

function compareFirst(run: Run, logits: Tensor, model: Layer, names: ReadonlyMap<string, string>): void {
  run.output("logits_step0", logits);
  for (const [name, parameter] of model.namedParameters()) {
    const wanted = `grad0_${names.get(name)}`;
    const { grad } = parameter;
    if (!run.has(wanted)) continue;
    if (grad === undefined) run.must(false, `no gradient of ${name}`);
    else run.output(wanted, grad);
  }
}
