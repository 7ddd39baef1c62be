/**
 * The table of objects in the core: numbers are used again and never meet the handle that had them before, what nobody
 * holds any more goes, and a call that fails leaves nothing in it. On the sources, which can ask the core for the count.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { core } from "../../ts/crossing.js";
import {
  concat,
  indices,
  init,
  memory,
  metrics,
  nn,
  Optimizer,
  ones,
  optim,
  Scheduler,
  schedule,
  scope,
  type Tensor,
  Trainer,
  tensor,
} from "../../ts/index.js";

const x = { data: Float32Array.from({ length: 48 }, (_, i) => Math.sin(i)), shape: [12, 4] };
const y = Int32Array.from({ length: 12 }, (_, i) => i % 3);
const network = () => nn.sequential(nn.dense(4, 8), nn.batchNorm(8), nn.relu(), nn.dropout(0.1), nn.dense(8, 3));

class Own extends nn.Module {
  readonly first = nn.dense(4, 8);
  readonly scale = nn.parameter(new Float32Array(8).fill(1), "norm");
  readonly last = nn.dense(8, 3);
  forward(input: Tensor): Tensor {
    return this.last.forward(this.first.forward(input).mul(this.scale).relu());
  }
}

const gone = expect.objectContaining({ name: "EvenkeelError", code: "DISPOSED" });

beforeAll(() => init());
afterEach(() => expect(core.objects()).toBe(0));

describe("numbers", () => {
  it("start at 1; one that is used again is not the old handle's", () => {
    const old = tensor([1, 2]);
    const { id } = old;
    expect(id).toBe(1);
    old.dispose();
    const fresh = tensor([3, 4, 5]);
    expect(fresh.id).toBe(id);
    for (const use of [() => old.add(1), () => old.toArray(), () => fresh.add(old), () => old.backward()]) {
      expect(use).toThrow(gone);
    }
    old.dispose();
    old[Symbol.dispose]();
    expect([old.disposed, fresh.disposed]).toEqual([true, false]);
    expect(Array.from(fresh.toArray())).toEqual([3, 4, 5]);
    fresh.dispose();
  });

  it("are used again for other kinds of things", () => {
    const t = tensor([1]);
    const model = nn.dense(2, 2);
    const optimizer = new Optimizer(model, optim.sgd());
    const ids = [t.id, model.id, optimizer.id];
    for (const handle of [t, model, optimizer]) handle.dispose();
    const layer = nn.relu();
    const labels = indices([1, 2]);
    expect([layer.id, labels.id].every((id) => ids.includes(id))).toBe(true);
    expect(() => optimizer.step()).toThrow(gone);
    expect(() => model.forward([[1, 2]])).toThrow(gone);
    expect(() => t.item()).toThrow(gone);
    for (const handle of [t, model, optimizer]) handle.dispose();
    expect(Array.from(labels.toArray())).toEqual([1, 2]);
    for (const handle of [layer, labels]) handle.dispose();
  });
});

describe("nothing is left in the table", () => {
  const models: [string, () => nn.Module<nn.Features, nn.Features>][] = [
    ["a model of the core", network],
    ["a model of one's own", () => new Own()],
  ];
  it.each(models)("after a training of %s is disposed of", async (_, make) => {
    const model = make();
    const options = {
      optimizer: optim.adam(),
      schedule: schedule.step({ stepSize: 1 }),
      average: 0.9,
      clip: { norm: 1 },
    };
    const trainer = new Trainer(model, { loss: "crossEntropy", ...options });
    const fit = { x, y, batchSize: 5, validation: 0.25, metrics: ["f1", metrics.topK(2)] as const };
    for await (const _ of trainer.fit({ ...fit, epochs: 2, earlyStopping: {} }));
    for await (const _ of trainer.fit({ batches: [{ x, y }], validation: { x, y }, epochs: 1 }));
    for (const target of [y, indices(y), Array.from(y)]) {
      trainer.step(x, target, { sampleWeight: new Float32Array(12).fill(1) });
      if ("dispose" in target) target.dispose();
    }
    await trainer.evaluate({ x, y });
    trainer.load(trainer.save());
    trainer.averaged().dispose();
    model.loadState(model.state());
    model.loadState(model.save());
    model.recalibrate(x);
    model.predict(x, { batchSize: 5, activation: "softmax" }).dispose();
    expect(model.summary([12, 4])).toContain("parameters");
    model.clone().dispose();
    trainer.dispose();
    model.dispose();
  });

  it("after a training by hand", () => {
    const model = network();
    const optimizer = new Optimizer(model, optim.adam());
    const scheduler = new Scheduler(optimizer, schedule.exponential({ gamma: 0.9 }));
    for (let i = 0; i < 3; i++) {
      scope(() => {
        nn.crossEntropy(model.forward(x), y, { weight: [1, 2, 3] }).backward();
        optim.clipGradNorm(model.parameters(), 1);
        optim.clipGradValue(model.parameters(), 1);
        optimizer.step();
        optimizer.zeroGrad();
        scheduler.step();
      });
    }
    expect(optimizer.lr[0]).toBeCloseTo(0.001 * 0.9 ** 3, 10);
    for (const handle of [scheduler, optimizer, model]) handle.dispose();
  });

  const wrong: [string, () => unknown][] = [
    ["a row of values", () => scope(() => ones([2]).assign([1, 2, 3]))],
    ["a shape", () => scope(() => ones([2]).reshape([3]))],
    ["the order of axes", () => scope(() => ones([2, 3]).permute([0, 0]))],
    ["axes", () => scope(() => ones([2, 3]).sum([7]))],
    ["tensors to join", () => scope(() => concat([ones([2, 3]), ones([3, 2])]))],
    ["labels", () => scope(() => nn.crossEntropy(ones([2, 3]), [0, 9]))],
    ["weights of classes", () => scope(() => nn.crossEntropy(ones([2, 3]), [0, 1], { weight: [1] }))],
    ["weights of elements", () => scope(() => nn.bceWithLogits(ones([2]), ones([2]), { elementWeight: ones([7]) }))],
    ["sample weights", () => scope(() => nn.mse(ones([2]), ones([2]), { sampleWeight: [1, 2, 3] }))],
    ["settings of a layer", () => nn.batchNorm(4, { momentum: 0.1, decay: 0.9 })],
    ["settings of an optimizer", () => scope(() => new Optimizer([ones([2]).tracked()], optim.adam({ lr: -1 })))],
    ["a parameter that is none", () => scope(() => new Optimizer([ones([2]), 7 as never], optim.adam()))],
    ["a tensor that is none", () => scope(() => ones([2]).matmul([1, 2] as never))],
    ["a file", () => nn.load(new Uint8Array(100_000))],
    ["a large file", () => nn.readState(new Uint8Array(1_000_000).fill(1))],
  ];
  it.each(wrong)("after a call that fails for %s, and no memory", (_, call) => {
    for (let i = 0; i < 3; i++) expect(call).toThrow();
    const before = memory();
    for (let i = 0; i < 100; i++) expect(call).toThrow();
    expect(memory()).toEqual(before);
    expect(core.objects()).toBe(0);
  });

  it("after a trainer that cannot be made, stepped, or given data", async () => {
    const model = network();
    const trainer = new Trainer(model, { loss: "crossEntropy" });
    const held = core.objects();
    const wrongs: (() => unknown)[] = [
      () => new Trainer(model, { loss: "crossEntropy", optimizer: optim.adam({ lr: -1 }) }),
      () => new Trainer(model, { loss: "crossEntropy", schedule: schedule.exponential({ gamma: -1 }) }),
      () => new Trainer(model, { loss: "huber", optimizer: [] }),
      () => trainer.step([[1, 2]], [0]),
      () => trainer.step(x, y, { sampleWeight: [1] }),
      () => trainer.fit({ x, y: [1] }).next(),
      () => trainer.fit({ x, y, validation: 0.999 }).next(),
      () => trainer.fit({ x, y, validation: { x, y: [1] } }).next(),
      () => trainer.evaluate({ x, y: [1, 2] }),
      () => trainer.load(new Uint8Array(50)),
      () => model.loadState({ nothing: { data: new Float32Array(3), shape: [3] } }),
    ];
    for (const call of wrongs) {
      await expect((async () => call())()).rejects.toThrow();
      expect(core.objects()).toBe(held);
    }
    trainer.dispose();
    model.dispose();
  });
});

describe("what nobody holds", () => {
  const program = (source: string): string => {
    const path = fileURLToPath(new URL("../../dist/index.cjs", import.meta.url));
    const text = `
      const { indices, init, memory, nn, ones, Optimizer, tensor, Trainer } = require(${JSON.stringify(path)});
      const collected = async (done) => {
        for (let turn = 0; turn < 100 && !done(); turn++) {
          gc();
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      };
      init().then(async () => { ${source} });
    `;
    return execFileSync(process.execPath, ["--expose-gc", "-e", text], { encoding: "utf8" });
  };

  it("is freed by the garbage collector, to the last byte", () => {
    const out = program(`
      (() => {
        for (let i = 0; i < 100; i++) ones([1000]).tracked().square();
        indices([1, 2, 3]);
        const model = nn.sequential(nn.dense(20, 30), nn.relu(), nn.dense(30, 2));
        new Optimizer(model);
        new Trainer(model, { loss: "crossEntropy" });
      })();
      const held = memory().live;
      await collected(() => memory().live === 0);
      process.stdout.write([held > 400_000, memory().live].join());
    `);
    expect(out).toBe("true,0");
  });

  it("and was disposed of does not take along what has its number now", () => {
    const out = program(`
      let found = 0;
      const registry = new FinalizationRegistry(() => found++);
      const made = (() => {
        const all = [];
        for (let i = 0; i < 100; i++) {
          const old = tensor([i]);
          registry.register(old);
          old.dispose();
          all.push(tensor([i, i]));
        }
        return all;
      })();
      await collected(() => found === 100);
      process.stdout.write([found, made.every((t, i) => t.sum().item() === 2 * i)].join());
    `);
    expect(out).toBe("100,true");
  });
});
