// The benchmark's own arithmetic and its reports, on made-up results: no peer need be installed.
import { describe, expect, it } from "vitest";

const load = (path: string) => import(new URL(`../../bench/${path}`, import.meta.url).href);
const { check } = await load("check.mjs");
const { describe: statistics, ENOUGH_PROCESSOR, measureInTurn, quartiles, timerOf } = await load("measure.mjs");
const { ratios, toMarkdown } = await load("peers/report.mjs");
const { toSvg } = await load("peers/plot.mjs");

const amounts = { rounds: 8, fewest: 2, budget: 20, warmUp: 1, sample: 1 };
const around = (median: number) => ({ median, lower: 0.9 * median, upper: 1.2 * median, fastest: 0.8 * median });
const contestants = [
  { id: "evenkeel", label: "evenkeel", version: "1.0.0", peer: false, variant: false },
  { id: "jax", label: "jax-js", version: "1.2.3", peer: true, variant: false },
  { id: "onnx", label: "onnxruntime-web", version: "4.5.6", peer: true, variant: false },
  { id: "plain", label: "plain JavaScript", version: "1.0.0", peer: false, variant: false },
  { id: "v", label: "evenkeel, variant", version: "1.0.0", peer: false, variant: true, options: { some: "option" } },
];
const cases = [
  {
    name: "product",
    flops: 2e6,
    times: { evenkeel: around(2), jax: around(4), onnx: around(3), plain: around(1), v: around(1.5) },
  },
  { name: "step", flops: null, times: { evenkeel: { ...around(0.5), processorShare: 0.5 }, jax: around(0.25) } },
];
const result = {
  date: "2030-01-02T03:04:05.000Z",
  quick: false,
  sessions: 3,
  machine: { cpu: "a processor", cores: 2, node: "20.0.0", evenkeel: "1.0.0" },
  contestants,
  missing: [{ label: "another", reason: "it is not there" }],
  warnings: ["it was loud"],
  checks: [
    { contestant: "jax-js", name: "net, 20 training steps: losses", difference: 2e-6, ok: true },
    { contestant: "jax-js", name: "product: c", difference: 3e-7, ok: true },
  ],
  cases,
};

describe("measureInTurn", () => {
  it("takes all samples of fast tasks and spreads the few of slow ones", async () => {
    const timer = (ms: number, log: string[], name: string) => ({
      warm: async () => ms,
      time: async (count: number) => {
        // A sample lasts 1 ms or one run.
        expect(count).toBe(name === "fast" ? 10 : 1);
        log.push(name);
        return { time: count * ms, wall: count * ms, cpu: count * ms };
      },
    });
    const log: string[] = [];
    const timers = [timer(0.1, log, "fast"), timer(5, log, "slow")];
    const sample = (time: number) => ({ time, share: 1 });
    expect(await measureInTurn(timers, amounts)).toEqual([Array(8).fill(sample(0.1)), Array(4).fill(sample(5))]);
    expect(log.slice(0, 5)).toEqual(["fast", "slow", "fast", "fast", "slow"]);
  });

  it("takes a sample again that had no processor, but not for ever", async () => {
    const disturbed = (times: number) => {
      let calls = 0;
      return {
        warm: async () => 1,
        time: async () => ({ time: 1, wall: 1, cpu: calls++ < times ? ENOUGH_PROCESSOR / 2 : 1 }),
      };
    };
    const shareOf = async (times: number) =>
      statistics((await measureInTurn([disturbed(times)], amounts))[0]).processorShare;
    expect(await shareOf(3)).toBe(1);
    expect(await shareOf(1e9)).toBeCloseTo(ENOUGH_PROCESSOR / 2);
  });

  it("awaits tasks that give promises, and prepares each run", async () => {
    for (const run of [() => undefined, () => Promise.resolve()]) {
      const calls = { prepare: 0, run: 0 };
      const count = (name: "prepare" | "run") => {
        calls[name]++;
        return name === "run" ? run() : undefined;
      };
      const timer = timerOf({ run: () => count("run"), prepare: () => count("prepare") });
      expect(await timer.warm(1, 1)).toBeGreaterThan(0);
      const { time, wall } = await timer.time(5);
      expect(time).toBeLessThanOrEqual(wall);
      expect(calls.run).toBe(calls.prepare);
      expect(calls.run).toBeGreaterThanOrEqual(8);
    }
  });

  it("gives medians and quartiles", () => {
    expect(quartiles([5, 1, 2, 4, 3])).toEqual({ median: 3, lower: 2, upper: 4, fastest: 1, samples: 5 });
  });

  it("leaves disturbed samples out, unless there are hardly others", () => {
    const samples = (...shares: number[]) => shares.map((share) => ({ time: 1 / share, share }));
    expect(statistics(samples(1, 0.2, 1, 1, 0.5, 1, 1, 1))).toMatchObject({ median: 1, samples: 6, processorShare: 1 });
    expect(statistics(samples(0.5, 0.2, 1, 0.4, 0.1, 0.25))).toMatchObject({
      median: 2.5,
      samples: 5,
      processorShare: 0.2,
    });
  });
});

describe("check", () => {
  const contestant = (label: string, values: number[], able = true) => ({
    label,
    can: () => able,
    numbers: async () => ({ c: Float32Array.from(values) }),
  });
  const product = { name: "product", kind: "matmulTask", input: () => ({}) };
  const run = (...all: ReturnType<typeof contestant>[]) => check(all, [product]);

  it("compares each that can with the first", async () => {
    const results = await run(contestant("a", [1, 2]), contestant("b", [1, 2]), contestant("c", [0, 0], false));
    expect(results).toEqual([{ contestant: "b", name: "product: c", difference: 0, ok: true }]);
  });

  it.each([
    ["another number", [1, 2.1]],
    ["no number", [1, Number.NaN]],
    ["another length", [1, 2, 3]],
  ])("finds %s", async (_, values) => {
    const [{ ok }] = await run(contestant("a", [1, 2]), contestant("b", values));
    expect(ok).toBe(false);
  });
});

describe("the report on the peers", () => {
  it("divides by evenkeel's time and finds the best peer, which plain JavaScript is not", () => {
    expect(ratios(cases[0], contestants)).toEqual({ byId: { jax: 2, onnx: 1.5, plain: 0.5, v: 0.75 }, best: "onnx" });
    expect(ratios(cases[1], contestants)).toEqual({ byId: { jax: 0.5 }, best: "jax" });
    expect(ratios({ ...cases[0], unlike: ["onnx"] }, contestants).best).toBe("jax");
    expect(ratios(cases[0], contestants, "v").byId["evenkeel"]).toBeCloseTo(4 / 3);
  });

  it("is a page with all tables", () => {
    expect(toMarkdown(result, "plot.svg")).toMatchSnapshot();
  });

  it("draws a dot for each time but those of variants", () => {
    const svg: string = toSvg(cases, contestants);
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    // One of each colour is in the legend: jax-js, onnxruntime-web, plain JavaScript.
    const count = (colour: string) => svg.split(`stroke="${colour}"`).length - 1;
    expect(["#D55E00", "#009E73", "#777777"].map(count)).toEqual([3, 2, 2]);
    expect(svg).toContain(">onnxruntime-web<");
  });
});
