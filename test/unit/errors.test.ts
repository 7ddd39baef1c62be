// Every error code: provoked through the public API, with its data and the text people read, and nothing changed.
import { readdirSync, readFileSync } from "node:fs";
import {
  EvenkeelError,
  indices,
  init,
  initSync,
  nn,
  noGrad,
  Optimizer,
  ones,
  optim,
  schedule,
  Trainer,
  tensor,
  zeros,
} from "evenkeel";
import { describe, expect, it } from "vitest";
import { bits, caught, classData, classifier, rejected, run } from "./support.js";

const x = [
  [1, 2, 3, 4],
  [4, 3, 2, 0],
  [0, 1, 0, 1],
];
const y = [0, 1, 2];

const ofText = (file: Uint8Array, from: string, to: string): Uint8Array => {
  const text = Buffer.from(file).toString("latin1").replace(from, to);
  expect(text.length).toBe(file.length);
  return Uint8Array.from(Buffer.from(text, "latin1"));
};

/** One way to each code; a code in the sources that is not here fails the last test. */
const provocations: Record<string, () => unknown> = {
  SHAPE_MISMATCH: () => classifier().forward([[1, 2, 3]]),
  OUT_OF_RANGE: () => ones([2, 3]).sum(2),
  BAD_ARGUMENT: () => nn.dropout(2),
  BATCH_NORM_ONE_VALUE: () => classifier().forward([[1, 2, 3, 4]]),
  LABEL_OUT_OF_RANGE: () => nn.crossEntropy(zeros([2, 3]), [0, 7]),
  NOT_FINITE: () =>
    new Trainer(classifier(), { loss: "crossEntropy" }).step([x[0], x[1], [1, Number.NaN, 2, 3]] as number[][], y),
  LOSS_NOT_FINITE: () => {
    const model = classifier();
    const weight = model.namedParameters().find(([name]) => name === "3.weight")?.[1];
    weight?.assign(Array.from({ length: 24 }, () => 3e38));
    return new Trainer(model, { loss: "crossEntropy" }).step(x, y);
  },
  NOT_SCALAR: () => ones([2]).tracked().mul(2).backward(),
  NO_GRAPH: () => ones([]).backward(),
  GRAPH_FREED: () => {
    const loss = ones([2]).tracked().sum();
    loss.backward();
    loss.backward();
  },
  GRAPH_STALE: () => {
    const model = nn.dense(4, 3);
    const loss = nn.mse(nn.sequential(model, nn.dense(3, 1)).forward(tensor(x)), ones([3, 1]));
    model.parameters()[0]?.assign(zeros([3, 4]));
    for (const p of model.parameters()) p.assign(Array.from({ length: p.size }, () => 1));
    loss.backward();
  },
  WRONG_MODE: () => new Trainer(classifier(), { loss: "crossEntropy" }).averaged(),
  BAD_FILE: () => nn.load(new Uint8Array([1, 2, 3])),
  UNKNOWN_LAYER: () => nn.load(ofText(classifier().save(), "relu", "rely")),
  STATE_MISMATCH: () => classifier().loadState({ "0.weight": { data: new Float32Array(2), shape: [2] }, other: 3 }),
  EMPTY: () => new Optimizer(nn.relu()),
  NOT_ADAPTED: () => nn.featureNorm(4).forward(x),
  DISPOSED: () => {
    const t = ones([2]);
    t.dispose();
    return t.add(1);
  },
  RAGGED: () =>
    tensor([
      [1, 2, 3],
      [1, 2, 3],
      [1, 2],
    ]),
  BAD_LABEL: () => indices([0, 1.5]),
  UNKNOWN_OPTION: () => nn.batchNorm(3, { momentun: 0.1 } as never),
  ALREADY_INITIALIZED: () => initSync({ bytes: new Uint8Array(8) }),
};

describe("each code", () => {
  it.each(Object.entries(provocations))("%s", (code, provoke) => {
    const error = caught(provoke);
    expect(error.name).toBe("EvenkeelError");
    expect(error.code).toBe(code);
    expect({ message: error.message, data: error.data }).toMatchSnapshot();
    // Prose ends like prose, and never shows what is meant for programs.
    expect(error.message).toMatch(/[.)]$/);
    expect(error.message.replaceAll("running_", "")).not.toMatch(/undefined|\[object|_[a-zA-Z]/);
  });

  it("is provoked here, or where the wasm or a worker is started", () => {
    const codes = new Set<string>();
    for (const line of readFileSync("crates/evenkeel-kernels/src/error.rs", "utf8").split("\n")) {
      const code = /^ {4}\w+ = "([A-Z_]+)",$/.exec(line)?.[1];
      if (code !== undefined) codes.add(code);
    }
    expect(codes.size).toBeGreaterThan(15);
    for (const file of readdirSync("ts", { recursive: true, encoding: "utf8" })) {
      if (!file.endsWith(".ts")) continue;
      for (const [, code] of readFileSync(`ts/${file}`, "utf8").matchAll(/EvenkeelError\(\s*"([A-Z_]+)"/g))
        codes.add(code as string);
    }
    const others = ["unit/loader.test", "unit/start-errors.test", "wasm/faults.test", "wasm/hosts.test"];
    others.push("wasm/worker.test", "wasm/worker-life.test", "page/worker.browser");
    const starting = others.map((f) => readFileSync(`test/${f}.ts`, "utf8")).join();
    const elsewhere = [...codes].filter((code) => !(code in provocations) && !starting.includes(`"${code}"`));
    expect(elsewhere).toEqual([]);
  });
});

describe("nothing has changed after an error", () => {
  const data = classData(12);
  const trained = async () => {
    const model = classifier();
    const trainer = new Trainer(model, { loss: "crossEntropy", optimizer: optim.adam({ lr: 0.01 }), seed: 3 });
    await run(trainer, { ...data, epochs: 2, batchSize: 4 });
    return { model, trainer };
  };
  const bad: Record<string, [unknown, unknown]> = {
    "a label out of range": [x, [0, 1, 3]],
    "labels that are no whole numbers": [x, [0, 1, 0.5]],
    "too few labels": [x, [0, 1]],
    "NaN in x": [[...x.slice(0, 2), [1, 2, 3, Number.NaN]], y],
    "infinity in x": [[...x.slice(0, 2), [1, 2, 3, -1 / 0]], y],
    "ragged rows": [[...x.slice(0, 2), [1, 2, 3]], y],
    "too few columns": [
      [
        [1, 2],
        [3, 4],
      ],
      [0, 1],
    ],
    "one row": [[x[0]], [0]],
    "no rows": [{ data: [], shape: [0, 4] }, []],
    "text in x": [
      [["1", 2, 3, 4], x[1]],
      [0, 1],
    ],
    "nothing as x": [undefined, y],
    "a loss that is not finite": [[x[0], x[1], [3e38, 3e38, -3e38, 3e38]], y],
    "soft labels of another width": [
      x,
      [
        [1, 0],
        [0, 1],
        [1, 0],
      ],
    ],
  };
  it.each(Object.entries(bad))("%s, in a step", async (_, [badX, badY]) => {
    const { model, trainer } = await trained();
    const before = bits(model);
    const error = caught(() => trainer.step(badX as never, badY as never));
    expect(error.message).toMatchSnapshot();
    expect(bits(model)).toEqual(before);
    expect(trainer.updates).toBe(6);
    expect(trainer.epoch).toBe(2);
  });
  it("and the training goes on as if it had not happened", async () => {
    const [one, two] = [await trained(), await trained()];
    caught(() => one.trainer.step(x, [0, 1, 3]));
    await rejected(() => run(one.trainer, { x, y: [0, 1], epochs: 1 }));
    for (const { trainer } of [one, two]) await run(trainer, { ...data, epochs: 2, batchSize: 4 });
    expect(bits(one.model)).toEqual(bits(two.model));
  });
  it("a model of one's own keeps its running statistics too", () => {
    class Own extends nn.Module<4, 3> {
      norm = nn.batchNorm(4);
      dense = nn.dense(4, 3);
      forward(t: Parameters<nn.Module["forward"]>[0]) {
        return this.dense.forward(this.norm.forward(t).tanh());
      }
    }
    const model = new Own();
    const trainer = new Trainer(model, { loss: "crossEntropy", optimizer: optim.sgd({ lr: 0.1 }) });
    trainer.step(x, y);
    const before = bits(model);
    expect(caught(() => trainer.step(x, [0, 1, 3])).code).toBe("LABEL_OUT_OF_RANGE");
    expect(bits(model)).toEqual(before);
    trainer.step(x, y);
    expect(model.state()["norm.num_batches_tracked"]).toBe(2);
  });
  it("a state that does not fit, strictly", () => {
    const model = classifier();
    const before = bits(model);
    const { "3.bias": _, ...rest } = classifier(9).state();
    expect(caught(() => model.loadState(rest)).data).toEqual({ missing: ["3.bias"], unexpected: [], misshapen: [] });
    expect(bits(model)).toEqual(before);
  });
  it("a checkpoint of another model", async () => {
    const { model, trainer } = await trained();
    const before = bits(model);
    const other = new Trainer(nn.sequential(nn.dense(4, 3)), { loss: "crossEntropy" });
    for (const bytes of [other.save(), trainer.save().subarray(0, 100), model.save()]) {
      expect(caught(() => trainer.load(bytes)).code).toBe("BAD_FILE");
      expect(bits(model)).toEqual(before);
      expect(trainer.updates).toBe(6);
    }
  });
});

describe("where it happened", () => {
  const deep = () =>
    nn.sequential(
      nn.dense(4, 6),
      nn.residual(nn.sequential(nn.dense(6, 6), nn.batchNorm(6), nn.relu())),
      nn.dense(6, 3),
    );
  it("names the path and the kind, in this API's words", () => {
    const error = caught(() => deep().forward([[1, 2, 3, 4]]));
    expect(error.data).toMatchObject({ layer: "1.body.1", kind: "batchNorm", given: [1, 6], features: 6 });
    expect(error.message).toMatch(/^Layer 1\.body\.1 \(batchNorm\): /);
    const dense = caught(() => deep().forward([[1, 2, 3]]));
    expect(dense.data).toMatchObject({ layer: "0", kind: "dense", features: 4, given: [1, 3] });
    expect(dense.message).toMatch(/^Layer 0 \(dense\): dense expects .*inFeatures = 4 .*\[1, 3\]/);
  });
  class Own extends nn.Module<4, 3> {
    readonly stem = nn.dense(4, 6);
    readonly blocks = [nn.sequential(nn.dense(6, 6), nn.batchNorm(6)), nn.sequential(nn.dense(6, 5))] as const;
    forward(t: Parameters<nn.Module["forward"]>[0]) {
      return this.blocks.reduce((u, b) => b.forward(u), this.stem.forward(t));
    }
  }
  it("within a class of one's own", () => {
    const trainer = new Trainer(new Own(), { loss: "mse" });
    expect(caught(() => trainer.step([[1, 2, 3, 4]], [[1, 2, 3, 4, 5]])).message).toMatch(
      /^Layer blocks\.0\.1 \(batchNorm\): /,
    );
    expect(caught(() => new Own().predict([[1, 2]])).message).toMatch(/^Layer stem \(dense\): /);
    const around = nn.sequential(nn.relu(), new Own());
    expect(caught(() => around.predict([[1, 2]])).data).toMatchObject({ layer: "1.stem", kind: "dense" });
  });
  it("the first layer that gives no finite number, also in a class of one's own", () => {
    const model = new Own();
    model.blocks[1].parameters()[0]?.assign(Array.from({ length: 30 }, () => 3e38));
    const trainer = new Trainer(model, { loss: "mse" });
    const error = caught(() =>
      trainer.step(
        x,
        x.map(() => [1, 2, 3, 4, 5]),
      ),
    );
    expect(error.data).toMatchObject({ layer: "blocks.1.0", kind: "dense", epoch: 0, step: 0 });
    expect(error.message).toMatchSnapshot();
  });
});

describe("handles after their end", () => {
  it.each<[string, () => { dispose(): void }, (h: never) => unknown]>([
    ["a tensor", () => ones([2]), (h: ReturnType<typeof ones>) => h.toArray()],
    ["indices", () => indices([1]), (h: ReturnType<typeof indices>) => h.toArray()],
    ["a module", () => nn.dense(1, 1), (h: nn.CoreModule) => h.forward([[1]])],
    ["an optimizer", () => new Optimizer(nn.dense(1, 1)), (h: Optimizer) => h.step()],
    ["a trainer", () => new Trainer(nn.dense(1, 1), { loss: "mse" }), (h: Trainer) => h.step([[1]], [1])],
  ])("%s says so, and may be disposed of again", (_, make, use) => {
    const handle = make();
    handle.dispose();
    handle.dispose();
    expect(caught(() => use(handle as never)).code).toBe("DISPOSED");
  });
});

describe("training by hand", () => {
  it("a step between forward and backward", () => {
    const model = nn.sequential(nn.dense(4, 4), nn.dense(4, 1));
    const optimizer = new Optimizer(model, optim.sgd({ lr: 0.1 }));
    const [one, two] = [nn.mse(model.forward(x), ones([3, 1])), nn.mse(model.forward(x), ones([3, 1]))];
    one.backward();
    optimizer.step();
    expect(caught(() => two.backward()).code).toBe("GRAPH_STALE");
  });
  it("nothing recorded", () => {
    expect(caught(() => noGrad(() => nn.dense(4, 1).forward(x).sum()).backward()).code).toBe("NO_GRAPH");
  });
  it("a schedule and an optimizer with senseless settings", () => {
    for (const make of [
      () => schedule.step({ stepSize: 1.5 }),
      () => new Trainer(nn.dense(1, 1), { loss: "mse", schedule: schedule.cosine({ tMax: 0 }) }),
      () => new Optimizer(nn.dense(1, 1), optim.adam({ betas: [0.9, 1] })),
      () => new Optimizer(nn.dense(1, 1), optim.sgd({ nesterov: true })),
    ]) {
      expect(caught(make).message).toMatchSnapshot();
    }
  });
});

it("a second init without arguments waits, one with arguments is an error", async () => {
  await init();
  expect((await rejected(() => init({ onWarning: () => {} }))).code).toBe("ALREADY_INITIALIZED");
  expect(new EvenkeelError("X", "text", { a: 1 }, "why").cause).toBe("why");
});
