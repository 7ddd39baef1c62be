// Layers, models and losses of one's own: a class over tensor operations and other layers trains like a built-in one.
import { indices, manualSeed, nn, optim, Parameter, type Tensor, Trainer, type TrainerOptions, tensor } from "evenkeel";
import { describe, expect, it } from "vitest";
import { bits, classData, numbers, run, values } from "./support.js";

const data = classData(30);
const x = tensor(data.x);
const options: TrainerOptions = { loss: "crossEntropy", optimizer: optim.adam({ lr: 0.02 }), seed: 2 };

/** y = x·Wᵀ + b, written out. */
class Dense<In extends number, Out extends number> extends nn.Module<In, Out> {
  readonly weight: Parameter;
  readonly bias: Parameter;
  constructor(from: nn.CoreModule<In, Out>) {
    super();
    const [weight, bias] = from.parameters() as [Parameter, Parameter];
    this.weight = nn.parameter(weight.toNested() as number[][]);
    this.bias = nn.parameter(values(bias), "bias");
  }
  forward(input: Tensor): Tensor {
    return input.matmul(this.weight.transpose()).add(this.bias);
  }
}

/** Batch norm over rows in training, written out; no running statistics. */
class Standardised extends nn.Module {
  readonly gain = nn.parameter(Array(8).fill(1), "norm");
  readonly shift = nn.parameter(Array(8).fill(0), "norm");
  forward(input: Tensor): Tensor {
    const centred = input.sub(input.mean(0, true));
    const scaled = centred.mul(centred.square().mean(0, true).add(1e-5).rsqrt());
    return scaled.mul(this.gain).add(this.shift);
  }
}

const close = (got: readonly number[], want: readonly number[], digits: number) => {
  expect(got.length).toBe(want.length);
  for (const [i, v] of want.entries()) expect(got[i]).toBeCloseTo(v, digits);
};

describe("a layer of one's own", () => {
  const pair = () => {
    manualSeed(4);
    const [one, two, norm] = [nn.dense(4, 8), nn.dense(8, 3), nn.batchNorm(8, { trackRunningStats: false })];
    const built = nn.sequential(one, norm, nn.tanh(), two);
    const own = nn.sequential(new Dense(one), new Standardised(), nn.tanh(), new Dense(two));
    return { built, own };
  };
  it("gives what the built-in one gives, and its gradients", () => {
    const { built, own } = pair();
    const outs = [built, own].map((m) => {
      const y = m.forward(x);
      nn.crossEntropy(y, data.y).backward();
      return values(y);
    });
    close(outs[1] as number[], outs[0] as number[], 5);
    const grads = [built, own].map((m) => m.parameters().map((p) => values(p.grad as Tensor)));
    for (const [i, grad] of (grads[0] as number[][]).entries()) close(grads[1]?.[i] as number[], grad, 5);
  });
  it("trains as it does", async () => {
    const { built, own } = pair();
    // Not Adam: it makes steps of full length even of what rounding leaves of a bias' gradient before a norm.
    const settings = { ...options, optimizer: optim.sgd({ lr: 0.1, momentum: 0.9 }) };
    const told = [];
    for (const model of [built, own]) {
      told.push(await run(new Trainer(model, settings), { ...data, epochs: 5, batchSize: 10, validation: 0.2 }));
    }
    const [a, b] = told as [(typeof told)[0], (typeof told)[0]];
    for (const [i, epoch] of a.entries()) {
      expect(b[i]?.loss).toBeCloseTo(epoch.loss, 4);
      expect(b[i]?.validation?.loss).toBeCloseTo(epoch.validation?.loss as number, 4);
      expect([b[i]?.rows, b[i]?.validation?.rows]).toEqual([epoch.rows, epoch.validation?.rows]);
    }
    expect(b[4]?.loss).toBeLessThan(b[0]?.loss as number);
    close(own.parameters().flatMap(values), built.parameters().flatMap(values), 3);
  });
});

describe("a model of one's own", () => {
  /** Everything at once: arrays, objects, built-in containers with parts of one's own, a parameter, a plain field. */
  class Net extends nn.Module<4, 3> {
    readonly name = "net";
    readonly stem = nn.sequential(nn.dense(4, 8), nn.batchNorm(8), nn.relu());
    readonly blocks = [0, 1].map(() => nn.residual(nn.sequential(nn.dense(8, 8), new Standardised())));
    readonly heads = {
      mean: nn.dense(8, 3),
      more: [nn.parallel([nn.dense(8, 3), new Dense(nn.dense(8, 3))], { join: "sum" })],
    };
    readonly temperature = nn.parameter(1, "bias");
    calls = 0;
    forward(input: Tensor): Tensor {
      this.calls++;
      const y = this.blocks.reduce((h, block) => block.forward(h), this.stem.forward(input));
      return this.heads.more
        .reduce((sum, head) => sum.add(head.forward(y)), this.heads.mean.forward(y))
        .mul(this.temperature);
    }
  }
  const net = () => {
    manualSeed(6);
    return new Net();
  };
  it("finds its parts in fields, arrays and objects, in order", () => {
    expect(
      net()
        .namedParameters()
        .map(([name, p]) => [name, p.role, p.shape]),
    ).toMatchSnapshot();
    expect(Object.keys(net().state())).toMatchSnapshot();
    expect(net().summary([2, 4])).toMatchSnapshot();
  });
  it("learns, and each part of it moves", async () => {
    const model = net();
    const before = bits(model);
    const trainer = new Trainer(model, options);
    const epochs = await run(trainer, { ...data, epochs: 60, batchSize: 10 });
    expect(epochs.at(-1)?.accuracy).toBeGreaterThan(0.9);
    // A shift before a normalisation has no gradient but rounding: batch norm takes it away again.
    for (const [name, value] of Object.entries(bits(model))) expect([name, value]).not.toEqual([name, before[name]]);
    expect(model.state()["stem.1.num_batches_tracked"]).toBe(180);
  });
  it("copies, saves and loads itself", async () => {
    const model = net();
    await run(new Trainer(model, options), { ...data, epochs: 2 });
    const copy = model.clone();
    expect([copy.name, copy.calls]).toEqual(["net", model.calls]);
    expect(bits(copy)).toEqual(bits(model));
    const fresh = new Net();
    expect(bits(fresh)).not.toEqual(bits(model));
    expect(fresh.loadState(model.save())).toEqual({ missing: [], unexpected: [], misshapen: [] });
    expect(bits(fresh)).toEqual(bits(model));
    expect(values(fresh.predict(x))).toEqual(values(model.predict(x)));
  });
  it("can be part of another, whose training is the same", async () => {
    class Wrapped extends nn.Module<4, 3> {
      readonly net: Net;
      constructor(inner: Net) {
        super();
        this.net = inner;
      }
      forward(input: Tensor) {
        return this.net.forward(input);
      }
    }
    const [plain, wrapped, listed] = [net(), net(), net()];
    await run(new Trainer(plain, options), { ...data, epochs: 2 });
    await run(new Trainer(new Wrapped(wrapped), options), { ...data, epochs: 2 });
    await run(new Trainer(nn.sequential(listed), options), { ...data, epochs: 2 });
    expect(bits(wrapped)).toEqual(bits(plain));
    expect(bits(listed)).toEqual(bits(plain));
  });
  it("frees its parts", () => {
    const model = net();
    model.dispose();
    expect(model.temperature.disposed).toBe(true);
    expect(() => model.stem.forward(x)).toThrow("disposed");
  });
});

describe("layers with two behaviours", () => {
  class Noisy extends nn.Module {
    readonly drop = nn.dropout(0.5);
    forward(input: Tensor): Tensor {
      return this.mode === "train" ? this.drop.forward(input).add(1) : input;
    }
  }
  it("may look at their mode, and two dropouts draw masks of their own", () => {
    class Two extends nn.Module {
      readonly a = new Noisy();
      readonly b = nn.sequential(new Noisy());
      readonly c = nn.dropout(0.5);
      forward(input: Tensor): Tensor {
        return this.a.forward(input).sub(this.b.forward(input)).add(this.c.forward(input).mul(0));
      }
    }
    const model = new Two();
    const input = tensor(numbers(200));
    for (const seed of [0, 1]) {
      model.seed(seed);
      const [a, b, c] = [model.a.drop, model.b.children()[0]?.[1] as unknown as Noisy, model.c];
      const masks = [a, b.drop, c].map((d) => values(d.forward(input)).map(Boolean).join());
      expect(new Set(masks).size).toBe(3);
    }
    expect(values(model.predict(input)).every((v) => v === 0)).toBe(true);
    model.seed(3);
    const first = values(model.forward(input));
    expect(values(model.forward(input))).not.toEqual(first);
    model.seed(3);
    expect(values(model.forward(input))).toEqual(first);
  });
});

describe("a loss of one's own", () => {
  const ends = async (loss: TrainerOptions["loss"], y: Parameters<Trainer["step"]>[1]) => {
    manualSeed(8);
    const model = nn.sequential(nn.dense(4, 6), nn.tanh(), nn.dense(6, 3));
    const trainer = new Trainer(model, { ...options, loss });
    const epochs = await run(trainer, { x: data.x, y, epochs: 3, batchSize: 10, validation: 0.2 });
    return { weights: model.parameters().flatMap(values), epochs };
  };
  const y3 = { data: numbers(90, 5), shape: [30, 3] };
  it.each<[string, TrainerOptions["loss"], TrainerOptions["loss"]]>([
    ["mse", "mse", (o, y: Tensor) => o.sub(y).square().mean()],
    ["l1", "l1", (o, y: Tensor) => o.sub(y).abs().mean()],
    ["mse, the built-in function", "mse", (o, y: Tensor) => nn.mse(o, y)],
    ["huber", { type: "huber", delta: 0.5 }, (o, y: Tensor) => nn.huber(o, y, { delta: 0.5 })],
  ])("is the built-in one's training: %s", async (_, built, own) => {
    const [a, b] = [await ends(built, y3), await ends(own, y3)];
    close(b.weights, a.weights, 6);
    for (const [i, epoch] of a.epochs.entries()) {
      expect(b.epochs[i]?.loss).toBeCloseTo(epoch.loss, 6);
      expect(b.epochs[i]?.validation?.loss).toBeCloseTo(epoch.validation?.loss as number, 6);
      expect(b.epochs[i]?.accuracy).toBeNaN();
    }
  });
  it("sees labels as indices, and numbers in a row as a column", async () => {
    const [a, b] = [await ends("crossEntropy", data.y), await ends((o, y) => nn.crossEntropy(o, y), indices(data.y))];
    expect(b.weights).toEqual(a.weights);
    const shapes: (readonly number[])[] = [];
    const model = nn.dense(4, 1);
    const trainer = new Trainer(model, {
      loss: (o, y: Tensor) => {
        shapes.push(o.shape, y.shape);
        return o.sub(y).square().mean();
      },
    });
    trainer.step(data.x, data.y);
    trainer.step(data.x, tensor(data.y.map((v) => [v])));
    await run(trainer, { x: data.x, y: data.y, batchSize: 30 });
    expect(shapes).toEqual(Array(6).fill([30, 1]));
  });
  it("may have parameters of its own: then they are in groups", () => {
    const model = nn.dense(4, 3);
    const margin = nn.parameter([0, 0, 0]);
    const trainer = new Trainer(model, {
      loss: (o, y: Tensor) => o.add(margin).sub(y).square().mean(),
      optimizer: [
        { parameters: model.parameters(), optimizer: optim.sgd({ lr: 0.1 }) },
        { parameters: [margin], optimizer: optim.sgd({ lr: 0.2 }) },
      ],
    });
    const bias = values(model.parameters()[1] as Tensor);
    trainer.step(data.x, y3);
    const moved = values(model.parameters()[1] as Tensor).map((v, i) => v - (bias[i] as number));
    close(
      values(margin),
      moved.map((v) => 2 * v),
      6,
    );
  });
});

it("a parameter has a role, and takes values as a tensor does", () => {
  expect(nn.parameter([[1, 2]]).role).toBe("weight");
  expect(nn.parameter(3, "norm")).toMatchObject({ role: "norm", shape: [] });
  const from = tensor([1, 2]);
  const own = nn.parameter(from);
  own.assign([5, 6]);
  expect(values(from)).toEqual([1, 2]);
  expect(own).toBeInstanceOf(Parameter);
  expect(own.requiresGrad).toBe(true);
});
