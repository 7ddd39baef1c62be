/**
 * A training lets the program live (PAIN.md: tfjs#102, ml-trainer#927: training freezes the page): `fit` and `evaluate`
 * give the event loop its turn, and end when they are told to. Counted in turns, steps and epochs, not in seconds.
 */
import { setImmediate as turn } from "node:timers/promises";
import { init, nn, optim, type StepInfo, type Tensor, Trainer } from "evenkeel";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";

beforeAll(() => init());
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const rows = 64;
const x = { data: Float32Array.from({ length: rows * 8 }, (_, i) => Math.sin(i)), shape: [rows, 8] };
const y = Int32Array.from({ length: rows }, (_, i) => i % 3);

const network = () => nn.sequential(nn.dense(8, 16), nn.batchNorm(16), nn.relu(), nn.dense(16, 3));

class Own extends nn.Module {
  readonly inner = network();
  forward(x: Tensor): Tensor {
    return this.inner.forward(x);
  }
}

const ofCore = () => new Trainer(network(), { loss: "crossEntropy" });
const ofOwn = () => new Trainer(new Own(), { loss: "crossEntropy" });

/** Makes each look at the clock see it so many milliseconds on: as if steps took that long. */
function clockThatRuns(milliseconds: number): void {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => {
    now += milliseconds;
    return now;
  });
}

/** Counts the turns of the event loop while `f` runs. */
async function turnsDuring(f: () => Promise<void>): Promise<number> {
  let turns = 0;
  let running = true;
  const count = async () => {
    while (running) {
      await turn();
      if (running) turns++;
    }
  };
  const counting = count();
  await f();
  running = false;
  await counting;
  return turns;
}

const steps = 100;
const batchSize = 8;
const epochs = (steps * batchSize) / rows;

interface Watch {
  readonly onStep?: (info: StepInfo) => void;
  readonly signal?: AbortSignal;
}

async function run(trainer: Trainer, watch: Watch = {}): Promise<void> {
  for await (const _ of trainer.fit({ x, y, batchSize, epochs: Math.ceil(epochs), ...watch }));
}

async function runOnBatches(trainer: Trainer, watch: Watch = {}): Promise<void> {
  const batches = Array.from({ length: steps }, () => ({ x, y }));
  for await (const _ of trainer.fit({ batches, ...watch }));
}

describe("tfjs#102: fit gives the event loop its turn", () => {
  const kinds: [string, () => Trainer, typeof run][] = [
    ["a model of the core", ofCore, run],
    ["a model of one's own", ofOwn, run],
    ["batches from elsewhere", ofCore, runOnBatches],
  ];
  describe.each(kinds)("%s", (_, make, train) => {
    it("after each step that takes longer than 10 ms", async () => {
      clockThatRuns(11);
      expect(await turnsDuring(() => train(make()))).toBeGreaterThanOrEqual(steps - 1);
    });

    it("every 10 ms where steps take one", async () => {
      clockThatRuns(1);
      const turns = await turnsDuring(() => train(make()));
      expect(turns).toBeGreaterThanOrEqual(steps / 12);
      expect(turns).toBeLessThanOrEqual(steps / 5);
    });

    it("and none before, so that quick steps do not wait", async () => {
      clockThatRuns(0);
      expect(await turnsDuring(() => train(make()))).toBeLessThanOrEqual(2);
    });
  });

  it("also where setImmediate only throws, as in Next's edge functions", async () => {
    vi.stubGlobal("setImmediate", () => {
      throw new Error("A Node.js API is used (setImmediate) which is not supported in the Edge Runtime.");
    });
    clockThatRuns(11);
    expect(await turnsDuring(() => run(ofCore()))).toBeGreaterThanOrEqual(steps - 1);
  });

  it("a timer of 5 ms fires after every step of a long training", async () => {
    // 1.6 GFLOP a step: 10 ms at least on any machine of today.
    const size = 512;
    const model = nn.sequential(nn.dense(size, size), nn.dense(size, size));
    const trainer = new Trainer(model, { loss: "mse", optimizer: optim.sgd() });
    const data = new Float32Array(8 * size * size).map((_, i) => Math.sin(i));
    const big = { data, shape: [8 * size, size] };
    let done = 0;
    const seen = new Set<number>();
    const timer = setInterval(() => seen.add(done), 5);
    const onStep = () => {
      done++;
    };
    for await (const _ of trainer.fit({ x: big, y: big, batchSize: size, epochs: 1, onStep }));
    clearInterval(timer);
    expect(done).toBe(8);
    expect(seen.size).toBeGreaterThanOrEqual(7);
    trainer.dispose();
    model.dispose();
  });

  it("evaluate too", async () => {
    clockThatRuns(11);
    const trainer = ofCore();
    const turns = await turnsDuring(async () => {
      await trainer.evaluate({ x, y }, { batchSize: 1 });
    });
    expect(turns).toBeGreaterThanOrEqual(rows - 1);
  });
});

describe("an AbortSignal ends a training", () => {
  it("from outside, in a turn that fit gave", async () => {
    clockThatRuns(11);
    const trainer = ofCore();
    const stop = new AbortController();
    let done = 0;
    const training = run(trainer, { signal: stop.signal, onStep: () => done++ });
    await turn();
    await turn();
    stop.abort(new Error("enough"));
    const atAbort = done;
    await expect(training).rejects.toThrow("enough");
    expect(done).toBeLessThanOrEqual(atAbort + 1);
    expect(done).toBeLessThan(steps);
    expect(trainer.updates).toBe(done);
  });

  it.each([
    ["arrays", run],
    ["batches", runOnBatches],
  ] as const)("on %s, after the very step in which it was given", async (_, train) => {
    const trainer = ofCore();
    const stop = new AbortController();
    const onStep = ({ step }: StepInfo) => {
      if (step === 3) stop.abort();
    };
    const error = await train(trainer, { signal: stop.signal, onStep }).catch((e: unknown) => e);
    expect(error).toBe(stop.signal.reason);
    expect(error).toMatchObject({ name: "AbortError" });
    expect(trainer.updates).toBe(4);
  });

  it("given before the start no step is made", async () => {
    const trainer = ofCore();
    await expect(run(trainer, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: "AbortError" });
    expect(trainer.updates).toBe(0);
  });

  it("and the trainer can go on afterwards", async () => {
    const trainer = ofCore();
    const stop = new AbortController();
    await expect(run(trainer, { signal: stop.signal, onStep: () => stop.abort() })).rejects.toThrow();
    await run(trainer);
    expect(trainer.updates).toBe(1 + Math.ceil(epochs) * (rows / batchSize));
  });
});

describe("leaving the loop ends the training", () => {
  it("after the epoch that it was left in", async () => {
    const trainer = ofCore();
    for await (const { epoch } of trainer.fit({ x, y, batchSize, epochs: 100 })) if (epoch === 2) break;
    expect(trainer.updates).toBe((3 * rows) / batchSize);
    await run(trainer);
  });

  it("one fit at a time", async () => {
    const trainer = ofCore();
    const first = trainer.fit({ x, y, batchSize, epochs: 3 });
    await first.next();
    await expect(trainer.fit({ x, y }).next()).rejects.toMatchObject({ code: "WRONG_MODE" });
    await first.return(undefined);
    await run(trainer);
  });
});
