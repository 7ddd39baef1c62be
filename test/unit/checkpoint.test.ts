// Checkpoints: a training that was interrupted, saved and taken up elsewhere ends with the same bits as one that was not
// (PAIN.md, tfjs#316 and #5138), wherever it was cut and whatever it has going: moments, counters, random numbers, order.
import { type FitOptions, nn, optim, schedule, Trainer, type TrainerOptions } from "evenkeel";
import { describe, expect, it } from "vitest";
import { bits, caught, classData, classifier, run } from "./support.js";

const data = classData(22);
/** The weights are drawn, the rest depends on the trainer's seed. */
const make = (options: Partial<TrainerOptions> = {}) => {
  const model = nn.sequential(classifier(), nn.dropout(0.25));
  return { model, trainer: new Trainer(model, { loss: "crossEntropy", seed: 3, ...options }) };
};
/** The same after something else: weights, moments, counters and random states are wrong until a checkpoint is loaded. */
const fresh = (options: Partial<TrainerOptions> = {}) => {
  const made = make(options);
  for (const p of made.model.parameters()) p.assign(Array(p.size).fill(7) as number[]);
  for (let i = 0; i < 4; i++) made.trainer.step(data.x, [...data.y].reverse());
  return made;
};
/** All of a training that can be told from outside. */
const seen = ({ model, trainer }: ReturnType<typeof make>) => [bits(model), trainer.updates, trainer.epoch, trainer.lr];

/** Every optimizer, with what it can keep in mind. */
const optimizers: [string, () => NonNullable<TrainerOptions["optimizer"]>][] = [
  ["sgd", () => optim.sgd({ lr: 0.1 })],
  ["sgd with momentum", () => optim.sgd({ lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 })],
  ["adam", () => optim.adam({ lr: 0.01 })],
  ["adam with amsgrad", () => optim.adam({ lr: 0.01, amsgrad: true })],
  ["adamw", () => optim.adamw({ lr: 0.01 })],
  ["rmsprop", () => optim.rmsprop({ lr: 0.01, momentum: 0.5, centered: true })],
  ["adagrad", () => optim.adagrad({ lr: 0.05, lrDecay: 0.1, initialAccumulatorValue: 0.1 })],
  ["adadelta", () => optim.adadelta({ lr: 1 })],
  ["adamax", () => optim.adamax({ lr: 0.01 })],
  ["nadam", () => optim.nadam({ lr: 0.01 })],
  ["radam", () => optim.radam({ lr: 0.01 })],
];

describe.each(optimizers)("10 steps are 5, saved, loaded, and 5: %s", (_, optimizer) => {
  it("with dropout, batch norm, clipping, a schedule and an average of the weights", () => {
    const options: Partial<TrainerOptions> = {
      optimizer: optimizer(),
      clip: { norm: 0.5 },
      average: 0.75,
      schedule: schedule.cosine({ tMax: 20, every: "step" }),
    };
    const steps = ({ trainer }: ReturnType<typeof make>) => {
      for (let i = 0; i < 5; i++) trainer.step(data.x, data.y);
    };
    const [whole, first, second] = [make(options), make(options), fresh(options)];
    steps(whole);
    steps(whole);
    steps(first);
    second.trainer.load(first.trainer.save());
    expect(seen(second)).toEqual(seen(first));
    steps(second);
    expect(seen(second)).toEqual(seen(whole));
    expect(bits(second.trainer.averaged())).toEqual(bits(whole.trainer.averaged()));
    expect(second.trainer.save()).toEqual(whole.trainer.save());
  });
});

describe("a fit that was cut after any of its steps", () => {
  // Five batches an epoch, three of them an update: some cuts have gradients waiting.
  const options = (): Partial<TrainerOptions> => ({
    optimizer: optim.sgd({ lr: 0.1, momentum: 0.9 }),
    schedule: schedule.oneCycle({ maxLr: 0.3, totalSteps: 6 }),
    accumulate: 3,
  });
  const fit: FitOptions = { ...data, batchSize: 5, epochs: 3, lastBatch: "keep" };
  const cutAt = async (n: number) => {
    const made = make(options());
    const stop = new AbortController();
    let file: Uint8Array | undefined;
    let step = 0;
    const onStep = () => {
      if (++step !== n) return;
      file = made.trainer.save();
      stop.abort(new Error("lights out"));
    };
    await expect(run(made.trainer, { ...fit, signal: stop.signal, onStep })).rejects.toThrow("lights out");
    return file as Uint8Array;
  };
  it.each(Array.from({ length: 15 }, (_, i) => i + 1))("%d", async (n) => {
    const [whole, second] = [make(options()), fresh(options())];
    const all = await run(whole.trainer, fit);
    second.trainer.load(await cutAt(n));
    const rest = await run(second.trainer, fit);
    expect(seen(second)).toEqual(seen(whole));
    // The epoch that was cut is reported as a whole, too.
    const told = (results: typeof all) =>
      results.map(({ epoch, loss, accuracy, rows }) => [epoch, loss, accuracy, rows]);
    expect(told(rest)).toEqual(told(all.slice(Math.floor((n - 1) / 5))));
  });
});

describe("between epochs", () => {
  it("a plateau goes on counting, the validation rows are the same, the trainer goes on after the end", async () => {
    const options: Partial<TrainerOptions> = {
      optimizer: optim.adam({ lr: 0.3 }),
      schedule: schedule.plateau({ patience: 1, factor: 0.5 }),
    };
    const fit = { ...data, batchSize: 4, validation: 0.3 } as const;
    const [whole, first, second] = [make(options), make(options), make(options)];
    const all = await run(whole.trainer, { ...fit, epochs: 10 });
    expect(new Set(all.map((e) => e.lr)).size).toBeGreaterThan(2);
    for (const end of [3, 4, 6]) {
      // The epochs of a fit that follows a load count from the start of the training.
      const part = make(options);
      if (end > 3) part.trainer.load(first.trainer.save());
      await run(part.trainer, { ...fit, epochs: end });
      first.trainer.load(part.trainer.save());
    }
    second.trainer.load(first.trainer.save());
    const rest = await run(second.trainer, { ...fit, epochs: 10 });
    expect(rest.map(({ epoch, lr, validation }) => [epoch, lr, validation])).toEqual(
      all.slice(6).map(({ epoch, lr, validation }) => [epoch, lr, validation]),
    );
    expect(seen(second)).toEqual(seen(whole));
    await run(second.trainer, { ...fit, epochs: 1 });
    expect(second.trainer.epoch).toBe(11);
  });
});

describe("a checkpoint of something else is refused and changes nothing", () => {
  const files = optimizers.map(([name, optimizer]) => {
    const { trainer } = make({ optimizer: optimizer() });
    trainer.step(data.x, data.y);
    return [name, trainer.save()] as const;
  });
  const kind = (name: string) => name.replace(/ with.*/, "");
  it.each(optimizers)("of another optimizer than %s", (name, optimizer) => {
    const [made, untouched] = [make({ optimizer: optimizer() }), make({ optimizer: optimizer() })];
    for (const t of [made, untouched]) t.trainer.step(data.x, data.y);
    const others = files.filter(([other]) => kind(other) !== kind(name));
    expect(others.length).toBeGreaterThan(8);
    for (const [, file] of others) {
      const error = caught(() => made.trainer.load(file));
      expect([error.code, error.message]).toEqual(["BAD_FILE", expect.stringContaining("another optimizer")]);
    }
    for (const t of [made, untouched]) t.trainer.step(data.x, data.y);
    expect(seen(made)).toEqual(seen(untouched));
  });
  it.each<[string, Partial<TrainerOptions>, nn.CoreModule]>([
    ["model", {}, nn.sequential(nn.dense(4, 9), nn.batchNorm(9), nn.relu(), nn.dense(9, 3))],
    ["number of dropouts", {}, nn.sequential(classifier(), nn.dropout(0.25), nn.dropout(0.25))],
    ["schedule, where there was none", { schedule: schedule.cosine({ tMax: 5 }) }, make().model],
    ["average, where there was none", { average: 0.9 }, make().model],
  ])("of another %s", async (_, options, model) => {
    const before = bits(model);
    const trainer = new Trainer(model, { loss: "crossEntropy", ...options });
    const other = make();
    await run(other.trainer, { ...data, epochs: 2 });
    expect(caught(() => trainer.load(other.trainer.save())).code).toBe("BAD_FILE");
    expect(bits(model)).toEqual(before);
    // The next fit is this trainer's own first.
    expect((await run(trainer, { ...data, epochs: 1 })).map((e) => e.epoch)).toEqual([0]);
  });
});
