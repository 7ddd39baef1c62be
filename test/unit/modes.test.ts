// Training and eval mode, freezing, and what reads or copies a model: summary, parameters, clone, folding.
import { manualSeed, nn, Optimizer, ones, optim, type Tensor, Trainer, tensor } from "evenkeel";
import { describe, expect, it } from "vitest";
import { bits, caught, classData, classifier, numbers, run, values } from "./support.js";

const x = { data: numbers(40), shape: [10, 4] };

/** A model of one's own around built-in ones. */
class Own extends nn.Module<4, 3> {
  readonly head = classifier();
  readonly drop = nn.dropout(0.5);
  readonly scale = nn.parameter([1, 1, 1], "norm");
  forward(t: Tensor) {
    return this.drop.forward(this.head.forward(t)).mul(this.scale);
  }
}

describe.each([
  ["built in", () => nn.sequential(classifier(), nn.dropout(0.5))],
  ["one's own", () => new Own()],
  ["mixed", () => nn.sequential(nn.relu(), new Own())],
] as [string, () => nn.Module<nn.Features, nn.Features>][])("modes of a model that is %s", (_, make) => {
  it("train() and eval() reach everything and give the model back", () => {
    const model = make();
    expect(model.mode).toBe("train");
    expect(model.eval()).toBe(model);
    expect(model.mode).toBe("eval");
    const input = tensor(x);
    expect(values(model.forward(input))).toEqual(values(model.forward(input)));
    const before = bits(model);
    model.forward(input);
    expect(bits(model)).toEqual(before);
    model.train();
    expect(values(model.forward(input))).not.toEqual(values(model.forward(input)));
    expect(bits(model)).not.toEqual(before);
  });
  it("predict is eval, moves nothing and puts the mode back", () => {
    for (const mode of ["train", "eval"] as const) {
      const model = make()[mode]();
      const before = bits(model);
      const y = model.predict(x);
      expect(model.mode).toBe(mode);
      expect(bits(model)).toEqual(before);
      expect(y.requiresGrad).toBe(false);
      expect(values(y)).toEqual(values(model.eval().forward(tensor(x))));
    }
  });
  it("also when it throws", () => {
    const model = make();
    expect(caught(() => model.predict([[1, 2, 3]])).code).toBe("SHAPE_MISMATCH");
    expect(model.mode).toBe("train");
    const input = tensor(x);
    expect(values(model.forward(input))).not.toEqual(values(model.forward(input)));
  });
  it("evaluate puts the mode back", async () => {
    const model = make();
    const trainer = new Trainer(model, { loss: "crossEntropy" });
    await trainer.evaluate({ x, y: Array(10).fill(1) });
    expect(model.mode).toBe("train");
    model.eval();
    await trainer.evaluate({ x, y: Array(10).fill(1) });
    expect(model.mode).toBe("eval");
  });
  it("predict in batches gives the same rows, with an activation if wanted", () => {
    const model = make();
    const whole = model.predict(x);
    // To a rounding: a batch of one row is multiplied in another order than several.
    const same = (got: Tensor, want: Tensor) => {
      expect(got.shape).toEqual(want.shape);
      for (const [i, v] of values(want).entries()) expect(values(got)[i]).toBeCloseTo(v, 6);
    };
    same(model.predict(x, { batchSize: 3 }), whole);
    same(model.predict(x, { activation: "softmax", batchSize: 4 }), whole.softmax());
    same(model.predict(x, { activation: "logSoftmax" }), whole.logSoftmax());
    same(model.predict(x, { activation: "sigmoid" }), whole.sigmoid());
  });
  it("a copy has its values and mode and shares nothing", () => {
    const model = make().eval();
    const copy = model.clone();
    expect(copy.mode).toBe("eval");
    expect(copy.constructor).toBe(model.constructor);
    expect(bits(copy)).toEqual(bits(model));
    expect(values(copy.predict(x))).toEqual(values(model.predict(x)));
    const before = bits(model);
    new Trainer(copy, { loss: "crossEntropy" }).step(x, Array(10).fill(1));
    expect(bits(model)).toEqual(before);
    expect(bits(copy)).not.toEqual(before);
  });
  it("a frozen model neither trains nor moves, thawed it does", () => {
    const model = make().freeze();
    const before = bits(model);
    const trainer = new Trainer(nn.sequential(model, nn.dense(3, 3)), {
      loss: "crossEntropy",
      optimizer: optim.sgd({ lr: 1 }),
    });
    trainer.step(x, Array(10).fill(1));
    expect(bits(model)).toEqual(before);
    model.freeze(false);
    trainer.step(x, Array(10).fill(1));
    expect(bits(model)).not.toEqual(before);
  });
});

it("single layers keep modes of their own through predict, recalibrate and evaluate", async () => {
  const norm = nn.batchNorm(4);
  const inner = nn.sequential(norm, nn.dense(4, 3));
  for (const model of [
    inner,
    nn.sequential(inner, nn.softmax()),
    new (class extends nn.Module<4, 3> {
      body = inner;
      forward(t: Tensor) {
        return this.body.forward(t).relu();
      }
    })(),
  ]) {
    model.train();
    norm.eval();
    model.predict(x);
    model.recalibrate(x);
    await new Trainer(model, { loss: "crossEntropy" }).evaluate({ x, y: Array(10).fill(0) });
    expect([model.mode, inner.mode, norm.mode]).toEqual(["train", "train", "eval"]);
  }
});

it("freezing a part leaves the rest", () => {
  const norm = nn.batchNorm(8);
  const model = nn.sequential(nn.dense(4, 8), nn.sequential(norm, nn.relu()).freeze(), nn.dense(8, 3));
  expect(norm.frozen).toBe(true);
  const before = bits(model);
  new Trainer(model, { loss: "crossEntropy" }).step(x, Array(10).fill(1));
  const changed = Object.entries(bits(model)).filter(([k, v]) => String(v) !== String(before[k]));
  expect(changed.map(([k]) => k)).toEqual(["0.weight", "0.bias", "2.weight", "2.bias"]);
});

describe("parameters", () => {
  it("have PyTorch's names, roles, and one handle each", () => {
    const names = (m: nn.Module<nn.Features, nn.Features>) =>
      m.namedParameters().map(([name, p]) => `${name} ${p.role}`);
    expect(names(classifier())).toEqual([
      "0.weight weight",
      "0.bias bias",
      "1.weight norm",
      "1.bias norm",
      "3.weight weight",
      "3.bias bias",
    ]);
    expect(names(new Own()).slice(-2)).toEqual(["head.3.bias bias", "scale norm"]);
    expect(classifier().parameterCount()).toBe(4 * 8 + 8 + 16 + 8 * 3 + 3);
  });
  it("one that is used twice is listed once, and trains", () => {
    const shared = nn.dense(4, 4);
    class Tied extends nn.Module<4, 4> {
      readonly layers = [shared, nn.sequential(shared, nn.tanh())];
      readonly extra = nn.parameter(ones([4]));
      readonly alias = { extra: this.extra };
      forward(t: Tensor) {
        return this.layers.reduce((y, l) => l.forward(y), t).mul(this.extra);
      }
    }
    const model = new Tied();
    expect(model.namedParameters().map(([name]) => name)).toEqual(["layers.0.weight", "layers.0.bias", "extra"]);
    const optimizer = new Optimizer(model, optim.sgd({ lr: 0.1 }));
    nn.mse(model.forward(tensor(x)), ones([10, 4])).backward();
    const before = values(shared.parameters()[0] as Tensor);
    optimizer.step();
    expect(values(shared.parameters()[0] as Tensor)).not.toEqual(before);
  });
});

describe("summary", () => {
  it("a table of layers, shapes and parameters", () => {
    const model = nn.sequential(
      nn.dense(784, 256),
      nn.batchNorm(256),
      nn.relu(),
      nn.residual(nn.sequential(nn.dense(256, 256, { bias: false }), nn.leakyRelu())),
      nn.parallel([nn.dense(256, 5), nn.featureNorm(256)]),
      nn.dropout(0.2),
    );
    expect(model.summary([32, 784])).toMatchSnapshot();
    expect(String(model)).toMatchSnapshot();
    model.freeze();
    expect(model.summary()).toMatchSnapshot();
  });
  it("of a class of one's own", () => {
    const model = new Own();
    model.head.freeze();
    expect(model.summary([1, 4])).toMatchSnapshot();
  });
});

describe("folding and recalibration", () => {
  it("foldBatchNorm gives the same predictions without the layer", async () => {
    const model = classifier();
    await run(new Trainer(model, { loss: "crossEntropy" }), { ...classData(40), epochs: 3, batchSize: 8 });
    const folded = model.foldBatchNorm();
    expect(folded.summaryRows().map((r) => r.kind)).toEqual(["sequential", "dense", "relu", "dense"]);
    const [a, b] = [values(model.predict(x)), values(folded.predict(x))];
    for (const [i, v] of a.entries()) expect(b[i] as number).toBeCloseTo(v, 5);
  });
  it("recalibrate takes rows, tensors or batches, and gives the population's statistics", () => {
    const norm = () => nn.batchNorm(1);
    const rows = [[1], [2], [3], [10], [20]];
    const stats = (m: nn.CoreModule<1, 1>) => {
      const s = m.state() as Record<string, { data: Float32Array }>;
      return [s["running_mean"]?.data[0], s["running_var"]?.data[0]];
    };
    const [whole, tensors, batches, average] = [norm(), norm(), norm(), norm()];
    whole.recalibrate(rows);
    tensors.recalibrate(tensor(rows), { batchSize: 2 });
    batches.recalibrate([tensor([[1], [2], [3]]), tensor([[10], [20]])]);
    for (const m of [whole, tensors, batches]) {
      expect(stats(m)[0]).toBeCloseTo(7.2, 5);
      expect(stats(m)[1]).toBeCloseTo(63.7, 4);
    }
    average.recalibrate([tensor([[1], [2], [3]]), tensor([[10], [20]])], { method: "average" });
    expect(stats(average)[0]).toBeCloseTo((2 + 15) / 2, 5);
    expect(
      nn.mergeStatistics([
        { count: 3, mean: [2], var: [2 / 3] },
        { count: 2, mean: [15], var: [25] },
      ]),
    ).toEqual({
      count: 5,
      mean: [expect.closeTo(7.2, 12)],
      var: [expect.closeTo(50.96, 12)],
    });
  });
  it("a recalibration that fails leaves the statistics and the mode", () => {
    const model = classifier().eval();
    const before = bits(model);
    expect(caught(() => model.recalibrate([tensor(x), ones([2, 3])])).code).toBe("SHAPE_MISMATCH");
    expect(bits(model)).toEqual(before);
    expect(model.mode).toBe("eval");
  });
});

it("the same seed makes the same model, and layers with an init start as it says", () => {
  expect(bits(classifier(3))).toEqual(bits(classifier(3)));
  expect(bits(classifier(3))).not.toEqual(bits(classifier(4)));
  manualSeed(1);
  const weight = (init: Parameters<typeof nn.dense>[2]) => nn.dense(50, 40, init).parameters()[0] as Tensor;
  expect(values(weight({ init: { name: "constant", value: 0.25 } })).every((v) => v === 0.25)).toBe(true);
  expect(weight({ init: "xavierNormal" }).std().item()).toBeCloseTo(Math.sqrt(2 / 90), 2);
  expect(
    weight({ init: { name: "kaimingUniform", nonlinearity: "relu" } })
      .std()
      .item(),
  ).toBeCloseTo(Math.sqrt(2 / 50), 1.9);
  const o = weight({ init: "orthogonal" });
  expect(
    o
      .matmul(o.transpose())
      .sub(tensor(Array.from({ length: 40 }, (_, i) => Array.from({ length: 40 }, (_, j) => Number(i === j)))))
      .abs()
      .sum()
      .item(),
  ).toBeLessThan(1e-2);
  const plain = weight({});
  expect(plain.abs().max(0).max(0).item()).toBeLessThanOrEqual(1 / Math.sqrt(50));
});
