// What may be given and what comes back: options, names, data to train on; the compiler refuses what is not there.
import {
  type EpochResult,
  type Evaluation,
  indices,
  init,
  type Memory,
  memory,
  metrics,
  nn,
  Optimizer,
  optim,
  randn,
  Scheduler,
  type StepResult,
  schedule,
  scope,
  Tensor,
  Trainer,
  type Warning,
} from "evenkeel";
import { expectTypeOf, test } from "vitest";

const model = nn.sequential(nn.dense(4, 8), nn.batchNorm(8), nn.relu(), nn.dense(8, 3));
const x = [[1, 2, 3, 4]];
const y = [1];

test("layers refuse options they do not have, and values they do not take", () => {
  nn.dense(2, 3, { bias: false, init: "kaimingNormal" });
  nn.dense(2, 3, { init: { name: "kaimingUniform", a: 0.2, nonlinearity: "leakyRelu" } });
  // @ts-expect-error: it is called bias
  nn.dense(2, 3, { useBias: false });
  // @ts-expect-error: no such initialisation
  nn.dense(2, 3, { init: "he" });
  // @ts-expect-error: gain is Xavier's
  nn.dense(2, 3, { init: { name: "kaimingNormal", gain: 2 } });
  // @ts-expect-error: a constant has a value
  nn.dense(2, 3, { init: { name: "constant" } });
  nn.batchNorm(3, { eps: 1e-3, momentum: null, affine: false });
  nn.batchNorm(3, { convention: "keras", statistics: "batch", variance: "biased" });
  // @ts-expect-error: it is called eps
  nn.batchNorm(3, { epsilon: 1e-3 });
  // @ts-expect-error: no such convention
  nn.batchNorm(3, { convention: "caffe" });
  // @ts-expect-error: left out, not undefined
  nn.batchNorm(3, { eps: undefined });
  // @ts-expect-error: no such approximation
  nn.gelu({ approximate: "erf" });
  // @ts-expect-error: a size is needed
  nn.batchNorm();
});

test("predict", () => {
  expectTypeOf(model.predict(x, { activation: "softmax", batchSize: 8 })).toEqualTypeOf<Tensor>();
  // @ts-expect-error: no such activation
  model.predict(x, { activation: "relu" });
  // @ts-expect-error: no such option
  model.predict(x, { batch: 8 });
});

test("a trainer takes losses by name, with settings, or as functions", () => {
  new Trainer(model, { loss: "crossEntropy" });
  new Trainer(model, { loss: { type: "crossEntropy", labelSmoothing: 0.1 }, classWeight: [1, 2, 1] });
  new Trainer(model, { loss: (output, target: Tensor) => output.sub(target).abs().mean() });
  expectTypeOf<nn.LossName>().toEqualTypeOf<
    "crossEntropy" | "nll" | "bceWithLogits" | "mse" | "l1" | "huber" | "smoothL1"
  >();
  // @ts-expect-error: a loss is needed
  new Trainer(model, {});
  // @ts-expect-error: no such loss
  new Trainer(model, { loss: "categoricalCrossentropy" });
  // @ts-expect-error: no such setting
  new Trainer(model, { loss: { type: "crossEntropy", smoothing: 0.1 } });
  // @ts-expect-error: a loss gives a tensor, for the gradient
  new Trainer(model, { loss: () => 1 });
});

test("optimizers have settings of their own", () => {
  new Trainer(model, { loss: "mse", optimizer: optim.sgd({ lr: 0.1, momentum: 0.9, nesterov: true }) });
  new Trainer(model, { loss: "mse", optimizer: [{ parameters: model.parameters(), optimizer: optim.adamw() }] });
  expectTypeOf(optim.adam({ betas: [0.9, 0.99], amsgrad: true })).toEqualTypeOf<optim.OptimizerSpec>();
  // @ts-expect-error: momentum is SGD's
  optim.adam({ momentum: 0.9 });
  // @ts-expect-error: two betas
  optim.adam({ betas: [0.9] });
  // @ts-expect-error: it is called lr
  optim.sgd({ learningRate: 0.1 });
  // @ts-expect-error: settings, not a name
  new Trainer(model, { loss: "mse", optimizer: "adam" });
  // @ts-expect-error: no such option
  new Trainer(model, { loss: "mse", optimiser: optim.adam() });
});

test("schedules have settings of their own", () => {
  expectTypeOf(schedule.cosine({ tMax: 10, etaMin: 1e-5, every: "step" })).toEqualTypeOf<schedule.ScheduleSpec>();
  schedule.sequential([schedule.linear({ totalIters: 3 }), schedule.cosine({ tMax: 5 })], [3]);
  new Trainer(model, { loss: "mse", schedule: schedule.plateau({ mode: "max", patience: 2 }) });
  // @ts-expect-error: how long is needed
  schedule.cosine({});
  // @ts-expect-error: no such setting
  schedule.step({ stepSize: 3, decay: 0.1 });
  // @ts-expect-error: epochs or steps
  schedule.exponential({ gamma: 0.9, every: "batch" });
});

test("clipping is by norm or by value", () => {
  new Trainer(model, { loss: "mse", clip: { norm: 1, p: Number.POSITIVE_INFINITY } });
  new Trainer(model, { loss: "mse", clip: { value: 0.5 } });
  // @ts-expect-error: neither
  new Trainer(model, { loss: "mse", clip: {} });
  // @ts-expect-error: a number alone does not say which
  new Trainer(model, { loss: "mse", clip: 1 });
});

test("fit takes data or batches, not both", () => {
  const trainer = new Trainer(model, { loss: "crossEntropy" });
  expectTypeOf(trainer.fit({ x, y })).toEqualTypeOf<AsyncGenerator<EpochResult, void, undefined>>();
  trainer.fit({ x: { data: Float32Array.of(1, 2, 3, 4), shape: [1, 4] }, y: Uint8Array.of(1), batchSize: 8 });
  trainer.fit({ x: randn([1, 4]), y: indices([1]), shuffle: false, lastBatch: "drop", validation: 0.1 });
  trainer.fit({ batches: [{ x, y }], validation: { x, y } });
  trainer.fit({ batches: () => [{ x, y }], epochs: 2 });
  trainer.fit({
    batches: (async function* () {
      yield { x, y };
    })(),
  });
  // @ts-expect-error: nothing to train on
  trainer.fit({});
  // @ts-expect-error: targets are missing
  trainer.fit({ x });
  // @ts-expect-error: both
  trainer.fit({ x, y, batches: [{ x, y }] });
  // @ts-expect-error: both, in part
  trainer.fit({ x, batches: [{ x, y }] });
  // @ts-expect-error: batches come in the order in which they come
  trainer.fit({ batches: [{ x, y }], shuffle: true });
  // @ts-expect-error: and in their own sizes
  trainer.fit({ batches: [{ x, y }], batchSize: 8 });
  // @ts-expect-error: and no share of them can be held back
  trainer.fit({ batches: [{ x, y }], validation: 0.2 });
  // @ts-expect-error: each batch carries its own
  trainer.fit({ batches: [{ x, y }], sampleWeight: [1] });
  // @ts-expect-error: no such rule
  trainer.fit({ x, y, lastBatch: "pad" });
  // @ts-expect-error: no such option
  trainer.fit({ x, y, verbose: true });
});

test("metrics by name or of one's own", () => {
  const trainer = new Trainer(model, { loss: "crossEntropy" });
  const own = { name: "own", compute: ({ outputs }: metrics.MetricInput) => outputs.length };
  trainer.fit({ x, y, validation: 0.5, metrics: ["accuracy", "f1", metrics.topK(2), metrics.r2, own] });
  expectTypeOf(trainer.evaluate({ x, y }, { metrics: ["recall"] })).resolves.toEqualTypeOf<Evaluation>();
  expectTypeOf<metrics.MetricName>().toEqualTypeOf<"accuracy" | "precision" | "recall" | "f1" | "mse" | "mae" | "r2">();
  // @ts-expect-error: no such metric
  trainer.fit({ x, y, validation: 0.5, metrics: ["auc"] });
  // @ts-expect-error: a function with a name, not a function
  trainer.evaluate({ x, y }, { metrics: [metrics.confusionMatrix] });
  // @ts-expect-error: no such option
  trainer.fit({ x, y, earlyStopping: { minimum: 3 } });
});

test("what training gives", () => {
  const trainer = new Trainer(model, { loss: "crossEntropy" });
  expectTypeOf(trainer.step(x, y)).toEqualTypeOf<StepResult>();
  trainer.fit({
    x,
    y,
    onStep: ({ loss, steps, lr }) => {
      expectTypeOf(loss).toEqualTypeOf<number>();
      expectTypeOf(steps).toEqualTypeOf<number | undefined>();
      expectTypeOf(lr).toEqualTypeOf<number>();
    },
  });
  expectTypeOf<EpochResult["validation"]>().toEqualTypeOf<Evaluation | undefined>();
  // @ts-expect-error: results are read-only
  trainer.step(x, y).loss = 0;
  // @ts-expect-error: counters too
  trainer.epoch = 0;
});

test("everything that holds memory can be bound with using", () => {
  using tensor = randn([2, 2]);
  using layer = nn.dense(2, 2);
  using trainer = new Trainer(layer, { loss: "mse" });
  using optimizer = new Optimizer(layer, optim.sgd());
  using scheduler = new Scheduler(optimizer, schedule.constant());
  using labels = indices([0, 1]);
  for (const held of [tensor, layer, trainer, optimizer, scheduler, labels]) {
    expectTypeOf(held).toExtend<Disposable>();
  }
  expectTypeOf(scope(() => ({ sum: tensor.sum(), n: 1 }))).toEqualTypeOf<{ sum: Tensor; n: number }>();
});

test("the start, memory, warnings", () => {
  expectTypeOf(init()).resolves.toEqualTypeOf<void>();
  init({ onWarning: (warning) => expectTypeOf(warning).toEqualTypeOf<Warning>() });
  // @ts-expect-error: no such option
  init({ wasmPath: "x" });
  expectTypeOf(memory()).toEqualTypeOf<Memory>();
  // @ts-expect-error: tensors are made by functions
  new Tensor([1, 2]);
});
