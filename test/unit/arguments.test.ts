// Arguments that make no sense, one after the other: the text for each, and that nothing slips through unseen.
import {
  arange,
  concat,
  eye,
  type FitOptions,
  indices,
  linspace,
  nn,
  Optimizer,
  oneHot,
  ones,
  optim,
  rand,
  randint,
  Scheduler,
  schedule,
  stack,
  Trainer,
  type TrainerOptions,
  tensor,
  where,
  zeros,
} from "evenkeel";
import { describe, expect, it } from "vitest";
import { caught, classData, classifier, rejected, run } from "./support.js";

// biome-ignore lint/suspicious/noExplicitAny: what callers without types may pass
type Any = any;

const loose = nn as Any;
const x = ones([2, 3]);

describe("layers", () => {
  it.each<[string, () => unknown]>([
    ["dense(0, 3)", () => loose.dense(0, 3)],
    ["dense(-1, 3)", () => loose.dense(-1, 3)],
    ["dense(2, 1.5)", () => loose.dense(2, 1.5)],
    ["dense('4', 3)", () => loose.dense("4", 3)],
    ["dense(2)", () => loose.dense(2)],
    ["dense(2^27, 2^27)", () => loose.dense(2 ** 27, 2 ** 27)],
    ["dense, unknown option", () => loose.dense(2, 3, { biass: false })],
    ["dense, bias of another kind", () => loose.dense(2, 3, { bias: 0 })],
    ["dense, unknown init", () => loose.dense(2, 3, { init: "heNormal" })],
    ["dense, constant init without a value", () => loose.dense(2, 3, { init: { name: "constant" } })],
    ["dense, an init's setting of another", () => loose.dense(2, 3, { init: { name: "orthogonal", std: 1 } })],
    ["dense, init's mode", () => loose.dense(2, 3, { init: { name: "kaimingNormal", mode: "fan_in" } })],
    ["batchNorm(0)", () => loose.batchNorm(0)],
    ["batchNorm, eps", () => loose.batchNorm(2, { eps: -1 })],
    ["batchNorm, momentum", () => loose.batchNorm(2, { momentum: 1.1 })],
    ["batchNorm, momentum NaN", () => loose.batchNorm(2, { momentum: Number.NaN })],
    ["batchNorm, decay", () => loose.batchNorm(2, { decay: 2 })],
    ["batchNorm, momentum and decay", () => loose.batchNorm(2, { momentum: 0.1, decay: 0.9 })],
    ["batchNorm, variance", () => loose.batchNorm(2, { variance: "population" })],
    ["batchNorm, statistics", () => loose.batchNorm(2, { statistics: "none" })],
    ["batchNorm, running without any", () => loose.batchNorm(2, { statistics: "running", trackRunningStats: false })],
    ["batchNorm, convention", () => loose.batchNorm(2, { convention: "pytorch" })],
    ["dropout(2)", () => loose.dropout(2)],
    ["dropout(NaN)", () => loose.dropout(Number.NaN)],
    ["leakyRelu(text)", () => loose.leakyRelu("0.1")],
    ["gelu, approximate", () => loose.gelu({ approximate: true })],
    ["hardtanh, turned round", () => loose.hardtanh({ minVal: 1, maxVal: -1 })],
    ["softmax(0.5)", () => loose.softmax(0.5)],
    ["softmax of an axis that is not there", () => nn.softmax(5).forward(x)],
    ["flatten(-1)", () => loose.flatten(-1)],
    ["flatten from an axis that is not there", () => nn.flatten(5).forward(x)],
    ["featureNorm, other columns", () => nn.featureNorm(2).adapt(x)],
    [
      "featureNorm, NaN",
      () =>
        nn.featureNorm(2).adapt([
          [1, Number.NaN],
          [1, 2],
        ]),
    ],
    ["featureNorm, no rows", () => nn.featureNorm(2).adapt({ data: [], shape: [0, 2] })],
    ["batchNorm, other channels", () => nn.batchNorm(4).forward(x)],
    ["sequential(3)", () => loose.sequential(3)],
    ["sequential of a class", () => loose.sequential(nn.relu)],
    ["parallel([])", () => loose.parallel([])],
    ["parallel(layer)", () => loose.parallel(nn.relu())],
    ["parallel, join", () => loose.parallel([nn.relu()], { join: "add" })],
    ["residual, another shape", () => loose.residual(nn.dense(3, 2)).forward(x)],
    ["parallel sum, other shapes", () => loose.parallel([nn.dense(3, 2), nn.dense(3, 1)], { join: "sum" }).forward(x)],
    ["parallel concat, other shapes", () => loose.parallel([nn.relu(), nn.flatten(0)]).forward(x)],
    ["predict, batchSize", () => nn.relu().predict(x, { batchSize: 0 })],
    ["predict, activation", () => nn.relu().predict(x, { activation: "relu" } as Any)],
    ["recalibrate, batchSize", () => nn.batchNorm(3).recalibrate(x, { batchSize: -1 })],
    ["recalibrate, method", () => nn.batchNorm(3).recalibrate(x, { method: "mean" } as Any)],
    ["summary, shape", () => nn.relu().summary([1.5])],
    ["seed", () => nn.dropout().seed(-1)],
    ["mergeStatistics, nothing", () => nn.mergeStatistics([])],
    [
      "mergeStatistics, other channels",
      () =>
        nn.mergeStatistics([
          { count: 1, mean: [1], var: [0] },
          { count: 1, mean: [1, 2], var: [0, 0] },
        ]),
    ],
    ["mergeStatistics, count", () => nn.mergeStatistics([{ count: 0, mean: [1], var: [0] }])],
  ])("%s", (_, f) => {
    expect(caught(f).message).toMatchSnapshot();
  });
});

describe("tensors", () => {
  it.each<[string, () => unknown]>([
    ["add, shapes", () => x.add(ones([2]))],
    ["matmul, shapes", () => x.matmul(ones([2, 3]))],
    ["reshape, size", () => x.reshape([4])],
    ["reshape, two open", () => x.reshape([-1, -1])],
    ["reshape, nothing fits", () => x.reshape([-1, 4])],
    ["reshape, fractions", () => x.reshape([1.5, 4])],
    ["expand", () => x.expand([2, 4])],
    ["permute, twice", () => x.permute([0, 0])],
    ["permute, too few", () => x.permute([0])],
    ["transpose", () => x.transpose(0, 2)],
    ["slice, end", () => x.slice(1, 1, 9)],
    ["slice, turned round", () => x.slice(1, 2, 1)],
    ["slice, fractions", () => x.slice(0, 0.5, 1)],
    ["slice, axis", () => x.slice(2, 0, 1)],
    ["gather", () => x.gather([0, 2])],
    ["gather, fractions", () => x.gather([0.5])],
    ["sum, axis", () => x.sum(2)],
    ["sum, axis twice", () => x.sum([0, 0])],
    ["max, fraction", () => x.max(0.5)],
    ["max of nothing", () => zeros([2, 0]).max(1)],
    ["var, correction", () => x.var(0, { correction: 2 })],
    ["var, correction -1", () => x.var(0, { correction: -1 })],
    ["item", () => x.item()],
    ["assign", () => x.assign([1])],
    ["where", () => where(x, ones([2]), ones([3]))],
    ["concat, shapes", () => concat([x, ones([2, 2])])],
    ["concat, nothing", () => concat([])],
    ["concat, axis", () => concat([x], 2)],
    ["stack, shapes", () => stack([x, ones([2, 2])])],
    ["stack, axis", () => stack([x, x], 4)],
    [
      "backward, gradient's shape",
      () =>
        x
          .tracked()
          .mul(2)
          .backward(ones([3])),
    ],
    [
      "tensor, ragged deep down",
      () =>
        tensor([
          [
            [1, 2],
            [3, 4],
          ],
          [[1, 2], [3]],
        ]),
    ],
    ["tensor, deeper in one place", () => tensor([[1, [2] as Any]])],
    ["tensor, shallower in one place", () => tensor([[1], 2 as Any])],
    ["tensor, nothing inside", () => tensor([1, undefined as Any])],
    ["tensor, other shape", () => tensor([1, 2, 3], [2, 2])],
    ["tensor, negative shape", () => tensor([1, 2], [-1, 2])],
    ["tensor, seven axes", () => zeros([1, 1, 1, 1, 1, 1, 1])],
    ["tensor, an object", () => tensor({ values: [1] } as Any)],
    ["indices, large", () => indices([2 ** 40])],
    ["oneHot, label", () => oneHot([0, 3], 3)],
    ["oneHot, classes", () => oneHot([0], 0)],
    ["arange, step", () => arange(0, 3, 0)],
    ["arange, NaN", () => arange(Number.NaN)],
    ["linspace, n", () => linspace(0, 1, -2)],
    ["eye", () => eye(1.5)],
    ["rand, seed", () => rand([2], { seed: -1 })],
    ["randint, high", () => randint(0, [2])],
  ])("%s", (_, f) => {
    expect(caught(f).message).toMatchSnapshot();
  });
});

describe("losses", () => {
  it.each<[string, () => unknown]>([
    ["mse, shapes", () => nn.mse(x, ones([2, 1]))],
    ["mse, a number for predictions", () => (nn as Any).mse(1, 2)],
    ["mse, class labels", () => (nn as Any).mse(x, indices([0, 1]))],
    ["crossEntropy, one axis", () => nn.crossEntropy(ones([3]), [1])],
    ["crossEntropy, too few labels", () => nn.crossEntropy(x, [1])],
    ["crossEntropy, label -1", () => nn.crossEntropy(x, [0, -1])],
    ["crossEntropy, weights", () => nn.crossEntropy(x, [0, 1], { weight: [1, 2] })],
    ["crossEntropy, smoothing", () => nn.crossEntropy(x, [0, 1], { labelSmoothing: 1.5 })],
    ["crossEntropy, reduction", () => nn.crossEntropy(x, [0, 1], { reduction: "avg" } as Any)],
    ["crossEntropy, unknown option", () => nn.crossEntropy(x, [0, 1], { delta: 1 } as Any)],
    ["crossEntropy, sample weights", () => nn.crossEntropy(x, [0, 1], { sampleWeight: [1, 2, 3] })],
    ["crossEntropy, a tracked target", () => nn.crossEntropy(x, ones([2, 3]).tracked())],
    ["nll, values", () => nn.nll(x, ones([2, 3]) as Any)],
    ["bceWithLogits, posWeight", () => nn.bceWithLogits(x, x, { posWeight: [1, 2] })],
    ["huber, delta", () => nn.huber(x, x, { delta: 0 })],
    ["smoothL1, beta", () => nn.smoothL1(x, x, { beta: -1 })],
  ])("%s", (_, f) => {
    expect(caught(f).message).toMatchSnapshot();
  });
});

describe("optimizers and schedules", () => {
  const dense = nn.dense(1, 1);
  const sgd = () => new Optimizer(dense, optim.sgd({ lr: 0.1 }));
  it.each<[string, () => unknown]>([
    ["lr", () => new Optimizer(dense, optim.adam({ lr: -1 }))],
    ["lr NaN", () => optim.adam({ lr: Number.NaN })],
    ["lr text", () => optim.adam({ lr: "0.1" } as Any)],
    ["weightDecay", () => new Optimizer(dense, optim.sgd({ weightDecay: -1 }))],
    ["betas", () => new Optimizer(dense, optim.adam({ betas: [1, 0.9] }))],
    ["betas, a number", () => optim.adam({ betas: 0.9 } as Any)],
    ["betas, one", () => optim.adam({ betas: [0.9] } as Any)],
    ["alpha", () => new Optimizer(dense, optim.rmsprop({ alpha: 2 }))],
    ["unknown setting", () => optim.adam({ momentum: 0.9 } as Any)],
    ["nesterov without momentum", () => new Optimizer(dense, optim.sgd({ nesterov: true }))],
    [
      "nesterov with dampening",
      () => new Optimizer(dense, optim.sgd({ nesterov: true, momentum: 0.9, dampening: 0.1 })),
    ],
    ["unknown optimizer", () => new Optimizer(dense, { type: "lion", settings: {} } as Any)],
    ["nothing to train", () => new Optimizer([])],
    ["a parameter twice", () => new Optimizer([...dense.parameters(), ...dense.parameters()])],
    [
      "lr, groups",
      () => {
        sgd().lr = [0.1, 0.2];
      },
    ],
    [
      "lr, a number",
      () => {
        (sgd() as Any).lr = 0.1;
      },
    ],
    ["unknown schedule", () => new Scheduler(sgd(), { type: "warmup" })],
    ["step", () => new Scheduler(sgd(), schedule.step({ stepSize: 0 }))],
    ["step, gamma", () => new Scheduler(sgd(), schedule.step({ stepSize: 1, gamma: -1 }))],
    ["multiStep, milestones", () => new Scheduler(sgd(), schedule.multiStep({ milestones: [5, 2] }))],
    ["multiStep, none", () => schedule.multiStep({} as Any)],
    ["exponential, none", () => new Scheduler(sgd(), schedule.exponential({} as Any))],
    ["cosine", () => new Scheduler(sgd(), schedule.cosine({ tMax: 0 }))],
    ["cosineRestarts", () => new Scheduler(sgd(), schedule.cosineRestarts({ t0: 2, tMult: 0 }))],
    ["linear", () => new Scheduler(sgd(), schedule.linear({ startFactor: 0 }))],
    ["constant", () => new Scheduler(sgd(), schedule.constant({ factor: 2 }))],
    ["polynomial", () => new Scheduler(sgd(), schedule.polynomial({ totalIters: -1 }))],
    ["oneCycle", () => new Scheduler(sgd(), schedule.oneCycle({ maxLr: 1 } as Any))],
    ["oneCycle, anneal", () => schedule.oneCycle({ maxLr: 1, totalSteps: 9, annealStrategy: "cosine" } as Any)],
    ["plateau", () => new Scheduler(sgd(), schedule.plateau({ factor: 1 }))],
    ["plateau, mode", () => schedule.plateau({ mode: "lower" } as Any)],
    ["sequential, milestones", () => new Scheduler(sgd(), schedule.sequential([schedule.constant()], [3]))],
    ["sequential, plateau inside", () => new Scheduler(sgd(), schedule.sequential([schedule.plateau()], []))],
    ["every", () => schedule.step({ stepSize: 1, every: "batch" } as Any)],
    ["unknown setting of a schedule", () => schedule.step({ stepSize: 1, factor: 0.1 } as Any)],
    ["clipGradNorm", () => optim.clipGradNorm(dense.parameters(), Number.NaN)],
  ])("%s", (_, f) => {
    expect(caught(f).message).toMatchSnapshot();
  });
});

describe("a trainer's settings", () => {
  it.each<[string, Record<string, unknown>]>([
    ["loss, unknown", { loss: "crossentropy" }],
    ["loss, none", { loss: undefined }],
    ["loss, another's setting", { loss: { type: "mse", delta: 1 } }],
    ["optimizer, a class", { optimizer: optim.adam }],
    ["optimizer, nothing in it", { optimizer: {} }],
    ["seed", { seed: 1.5 }],
    ["accumulate", { accumulate: 0 }],
    ["accumulate, a fraction", { accumulate: 1.5 }],
    ["clip, nothing in it", { clip: {} }],
    ["clip, both", { clip: { norm: 1, value: 1 } }],
    ["clip, norm", { clip: { norm: 0 } }],
    ["clip, value", { clip: { value: -1 } }],
    ["clip, p", { clip: { norm: 1, p: 0 } }],
    ["average", { average: 1 }],
    ["classWeight for values", { loss: "mse", classWeight: [1] }],
    ["classWeight for a function", { loss: () => x, classWeight: [1] }],
    ["unknown option", { optimiser: optim.sgd() }],
  ])("%s", (_, options) => {
    const all = { loss: "crossEntropy", ...options } as unknown as TrainerOptions;
    expect(caught(() => new Trainer(classifier(), all)).message).toMatchSnapshot();
  });
});

describe("fit and evaluate", () => {
  const data = classData(8);
  it.each<[string, Record<string, unknown>]>([
    ["no x", { x: undefined }],
    ["batchSize 0", { batchSize: 0 }],
    ["batchSize -1", { batchSize: -1 }],
    ["batchSize 1.5", { batchSize: 1.5 }],
    ["batchSize 1, with batch norm", { batchSize: 1 }],
    ["drop, and nothing is left", { batchSize: 9, lastBatch: "drop" }],
    ["lastBatch", { lastBatch: "pad" }],
    ["lastBatch keep, of one row, with batch norm", { batchSize: 7, lastBatch: "keep" }],
    ["epochs", { epochs: -1 }],
    ["epochs, text", { epochs: "3" }],
    ["validation 1", { validation: 1 }],
    ["validation -0.1", { validation: -0.1 }],
    ["validation of no row", { validation: 0.01 }],
    ["validation data without y", { validation: { x: data.x } }],
    ["metric", { validation: 0.5, metrics: ["acc"] }],
    ["metric for values", { validation: 0.5, metrics: ["mae"] }],
    ["metrics without validation", { metrics: ["accuracy"] }],
    ["monitor", { earlyStopping: { monitor: "val_loss" } }],
    ["patience", { earlyStopping: { patience: 0 } }],
    ["x and batches", { batches: [data] }],
    ["batches of nothing", { x: undefined, y: undefined, batches: [] }],
    ["batches, a number", { x: undefined, y: undefined, batches: 3 }],
    ["sample weights, too few", { sampleWeight: [1, 2] }],
    ["sample weights, negative", { sampleWeight: [1, 1, 1, -1, 1, 1, 1, 1] }],
    ["unknown option", { batchsize: 3 }],
  ])("%s", async (_, options) => {
    const trainer = new Trainer(classifier(), { loss: "crossEntropy" });
    const given = Object.entries({ ...data, ...options }).filter(
      ([key, v]) => v !== undefined || (key === "x" && !("batches" in options)),
    );
    const error = await rejected(() => run(trainer, Object.fromEntries(given) as unknown as FitOptions));
    expect(error.message).toMatchSnapshot();
    expect(trainer.updates === 0 || error.code === "BATCH_NORM_ONE_VALUE" || error.message.includes("metric")).toBe(
      true,
    );
  });
  it("stratify without classes", async () => {
    const trainer = new Trainer(nn.dense(4, 1), { loss: "mse" });
    const error = await rejected(() => run(trainer, { ...data, validation: 0.5, stratify: true }));
    expect(error.message).toBe("stratify needs class labels to go by, but y holds values.");
  });
  it("sample weights for a loss of one's own", async () => {
    const trainer = new Trainer(nn.dense(4, 1), { loss: (o) => o.mean() });
    expect((await rejected(() => run(trainer, { ...data, sampleWeight: data.y }))).message).toMatchSnapshot();
  });
  it("what is no tensor out of forward or a loss", () => {
    class Broken extends nn.Module {
      inner = nn.dense(4, 1);
      forward(): never {
        return [1] as never;
      }
    }
    const step = { x: data.x, y: data.y };
    expect(caught(() => new Trainer(new Broken(), { loss: "mse" }).step(step.x, step.y)).message).toMatchSnapshot();
    expect(caught(() => new Broken().predict(data.x)).message).toMatchSnapshot();
    const trainer = new Trainer(nn.dense(4, 1), { loss: () => 3 as never });
    expect(caught(() => trainer.step(step.x, step.y)).message).toMatchSnapshot();
    const unreduced = new Trainer(nn.dense(4, 1), { loss: (o) => o });
    expect(caught(() => unreduced.step(step.x, step.y)).code).toBe("NOT_SCALAR");
  });
  it("evaluate", async () => {
    const trainer = new Trainer(classifier(), { loss: "crossEntropy" });
    for (const f of [
      () => trainer.evaluate(data, { batchSize: 0 }),
      () => trainer.evaluate(data, { metric: ["accuracy"] } as Any),
      () => trainer.evaluate({ ...data, y: [0, 1] }),
      () => trainer.evaluate({ ...data, y: data.y.map(() => 9) }),
      () => trainer.evaluate({ x: data.x } as Any),
    ]) {
      expect((await rejected(f)).message).toMatchSnapshot();
    }
  });
});
