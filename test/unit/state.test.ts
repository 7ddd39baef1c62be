// States and model files: what fits is taken, what does not changes nothing, and what comes back is the same.
import { nn, type State, type Tensor, Trainer, warnings } from "evenkeel";
import { describe, expect, it } from "vitest";
import { bits, caught, classData, classifier, numbers, values } from "./support.js";

type Model = nn.Module<nn.Features, nn.Features>;
type Values = { data: Float32Array; shape: readonly number[] };
const x = { data: numbers(40), shape: [10, 4] };
const spoiled = <M extends Model>(model: M): M => {
  for (const p of model.parameters()) p.assign(Array(p.size).fill(9) as number[]);
  return model;
};

/** A model of one's own: a built-in one, a parameter, a built-in one. */
class Own extends nn.Module<4, 3> {
  readonly body = classifier();
  readonly scale = nn.parameter([1, 1, 1], "norm");
  readonly norm = nn.batchNorm(3);
  forward(t: Tensor) {
    return this.norm.forward(this.body.forward(t).mul(this.scale));
  }
}

describe.each([
  ["built in", () => classifier() as Model, ""],
  ["one's own", () => new Own() as Model, "body."],
  ["in JavaScript's sequence", () => nn.sequential(new Own(), nn.dense(3, 2)) as Model, "0.body."],
])("the state of a model that is %s", (_, make, at) => {
  /** The values of a model whose statistics have moved. */
  const other = (): State => {
    const model = spoiled(make());
    model.forward(x as never);
    return model.state();
  };
  const [weight, mean, count] = [`${at}0.weight`, `${at}1.running_mean`, `${at}1.num_batches_tracked`];

  it("goes from one to another, as values and as a file, counters as numbers", () => {
    const source = make();
    source.forward(x as never);
    expect(source.state()[count]).toBe(1);
    for (const given of [source.state(), source.save()]) {
      const target = spoiled(make());
      expect(target.loadState(given)).toEqual({ missing: [], unexpected: [], misshapen: [] });
      expect(bits(target)).toEqual(bits(source));
      expect(values(target.predict(x))).toEqual(values(source.predict(x)));
    }
  });

  const wrong: [string, (state: State) => State, object][] = [
    ["missing", ({ [weight]: _, ...rest }) => rest, { missing: [weight] }],
    ["unexpected", (s) => ({ ...s, "7.weight": s[weight] as Values }), { unexpected: ["7.weight"] }],
    ["misshapen", (s) => ({ ...s, [weight]: { data: numbers(32), shape: [4, 8] } }), { misshapen: [weight] }],
    ["a number for values", (s) => ({ ...s, [mean]: 3 }), { misshapen: [mean] }],
    ["values for a number", (s) => ({ ...s, [count]: { data: numbers(1), shape: [] } }), { misshapen: [count] }],
    ["a count below 0", (s) => ({ ...s, [count]: -1 }), { misshapen: [count] }],
  ];
  it.each(wrong)("strict: %s is an error and changes nothing", (_, change, report) => {
    const model = make();
    const before = bits(model);
    const error = caught(() => model.loadState(change(other())));
    expect(error.code).toBe("STATE_MISMATCH");
    expect(error.data).toMatchObject({ missing: [], unexpected: [], misshapen: [], ...report });
    expect(error.message).toContain(Object.values(report).flat()[0]);
    expect(bits(model)).toEqual(before);
  });
  it.each(wrong)("not strict: %s is reported, the rest is taken", (_, change, report) => {
    const model = make();
    const before = bits(model);
    const given = other();
    expect(model.loadState(change(given), { strict: false })).toEqual({
      missing: [],
      unexpected: [],
      misshapen: [],
      ...report,
    });
    const source = make();
    source.loadState(given);
    const left = (Object.values(report).flat() as string[]).filter((name) => name in before);
    expect(bits(model)).toEqual({ ...bits(source), ...Object.fromEntries(left.map((name) => [name, before[name]])) });
  });
  it.each<[string, unknown]>([
    ["too few values", { data: new Float32Array(2), shape: [8] }],
    ["no shape", { data: [1, 2] }],
    ["null", null],
    ["half a count", 1.5],
    ["NaN", Number.NaN],
  ])("%s is an error and changes nothing, even where it comes last", (_, value) => {
    const model = make();
    const before = bits(model);
    const last = Object.keys(before).at(-1) as string;
    for (const strict of [true, false]) {
      const error = caught(() => model.loadState({ ...other(), [last]: value } as State, { strict }));
      expect(["BAD_ARGUMENT", "SHAPE_MISMATCH"]).toContain(error.code);
      expect(error.message).toContain(last);
    }
    expect(bits(model)).toEqual(before);
  });
  it("is an object or bytes", () => {
    for (const given of [undefined, null, "state", [1, 2], new ArrayBuffer(8)]) {
      expect(caught(() => make().loadState(given as never)).code).toBe("BAD_ARGUMENT");
    }
  });
});

// PAIN.md, pytorch#8430: files of old PyTorch have no num_batches_tracked.
it.each([
  [0.1, []],
  [null, ["NO_BATCH_COUNT"]],
])("a state without num_batches_tracked loads; with momentum %s it warns of %j", (momentum, codes) => {
  const norm = nn.batchNorm(4, { momentum });
  for (let i = 0; i < 3; i++) norm.forward(x);
  const { num_batches_tracked: seen, ...rest } = norm.state();
  expect(seen).toBe(3);
  warnings();
  for (const model of [nn.batchNorm(4, { momentum }), nn.sequential(nn.batchNorm(4, { momentum }), new Own())]) {
    const own = model instanceof nn.CoreModule ? rest : prefixed(rest, "0.");
    const report = model.loadState(own, { strict: model instanceof nn.CoreModule });
    expect(report.missing.filter((name) => name.endsWith("tracked"))).toEqual([]);
    expect(Object.values(model.state()).filter((value) => typeof value === "number")[0]).toBe(0);
    expect(warnings().map((w) => w.code)).toEqual(codes);
  }
});
it("a feature norm's state without its number of rows is not one", () => {
  const { num_rows: _, ...rest } = nn.featureNorm(4).adapt(x).state();
  for (const model of [nn.sequential(nn.featureNorm(4)), nn.sequential(nn.featureNorm(4), new Own())]) {
    const state = { ...model.state(), ...prefixed(rest, "0.") };
    delete state["0.num_rows"];
    expect(caught(() => model.loadState(state)).data).toMatchObject({ missing: ["0.num_rows"] });
  }
});
const prefixed = (state: State, path: string): State =>
  Object.fromEntries(Object.entries(state).map(([name, value]) => [path + name, value]));

/** Every layer of `nn`, with each option away from its default. */
const layers: Record<string, (() => nn.CoreModule)[]> = {
  dense: [() => nn.dense(4, 3), () => nn.dense(4, 3, { bias: false, init: "orthogonal" })],
  batchNorm: [
    {},
    { eps: 0.5 },
    { momentum: 0.3 },
    { momentum: null },
    { decay: 0.99 },
    { affine: false },
    { scale: false },
    { shift: false },
    { trackRunningStats: false },
    { variance: "biased" },
    { statistics: "batch" },
    { statistics: "running" },
    { convention: "torch" },
    { convention: "keras" },
    { convention: "lecture" },
    { convention: "lecture", eps: 0.01, momentum: 0.2, variance: "unbiased", scale: false },
  ].map((options) => () => nn.batchNorm(4, options as nn.BatchNormOptions)),
  featureNorm: [() => nn.featureNorm(4).adapt(x), () => nn.featureNorm(4).adapt(x, { std: "shared" })],
  dropout: [() => nn.dropout(), () => nn.dropout(0.9)],
  flatten: [() => nn.flatten(), () => nn.flatten(0)],
  sequential: [
    () => nn.sequential(),
    () => nn.sequential(nn.sequential(nn.dense(4, 2)), nn.tanh()) as unknown as nn.CoreModule,
  ],
  residual: [() => nn.residual(nn.sequential(nn.dense(4, 4), nn.batchNorm(4), nn.relu()))],
  parallel: [
    () => nn.parallel([nn.dense(4, 2), nn.residual(nn.dense(4, 4))]),
    () => nn.parallel([nn.dense(4, 3), nn.sequential(nn.dense(4, 3), nn.silu())], { join: "sum" }),
  ] as (() => nn.CoreModule)[],
  leakyRelu: [() => nn.leakyRelu(0.3)],
  elu: [() => nn.elu(0.5)],
  gelu: [() => nn.gelu(), () => nn.gelu({ approximate: "tanh" })],
  softplus: [() => nn.softplus(), () => nn.softplus({ beta: 2, threshold: 0.5 })],
  hardtanh: [() => nn.hardtanh({ minVal: -0.5, maxVal: 0.25 })],
  softmax: [() => nn.softmax(), () => nn.softmax(0)],
  logSoftmax: [() => nn.logSoftmax(), () => nn.logSoftmax(0)],
  ...Object.fromEntries(
    (["relu", "relu6", "selu", "silu", "mish", "sigmoid", "tanh", "softsign"] as const)
      .concat(["hardswish", "hardsigmoid", "logsigmoid"] as never)
      .map((name) => [name, [() => nn[name]() as nn.CoreModule]]),
  ),
};

describe("a model's file", () => {
  it("is tested for every layer there is", () => {
    const others = ["bceWithLogits", "crossEntropy", "huber", "l1", "mse", "nll", "smoothL1", "load", "readState"];
    const made = Object.entries(nn).flatMap(([name, f]) =>
      /^[a-z]/.test(name) && typeof f === "function" && !others.includes(name) ? [name] : [],
    );
    expect(Object.keys(layers).sort()).toEqual(
      made.filter((name) => name !== "mergeStatistics" && name !== "parameter").sort(),
    );
  });
  const all = Object.entries(layers).flatMap(([name, makers]) =>
    makers.map((make, i) => [`${name} ${i}`, make] as const),
  );
  it.each(all)("%s comes back with the same bits, description and behaviour", (_, make) => {
    const model = make();
    for (let i = 0; i < 2; i++) model.forward(x);
    const file = model.save();
    const again = nn.load(file);
    expect(again.spec).toEqual(model.spec);
    expect(bits(again)).toEqual(bits(model));
    expect(again.mode).toBe("eval");
    expect(values(again.predict(x))).toEqual(values(model.predict(x)));
    expect(again.save()).toEqual(file);
    // Training goes on alike: momentum, convention and the like have come along, and the random state is the seed's.
    for (const m of [model, again]) m.train().seed(4);
    expect(values(again.forward(x))).toEqual(values(model.forward(x)));
    expect(bits(again)).toEqual(bits(model));
  });
  it("keeps images' statistics and options that a default has too", () => {
    const options: nn.BatchNormOptions = { decay: 0.75, variance: "biased" };
    const model = nn.sequential(nn.batchNorm(3, options), nn.flatten(), nn.dense(12, 2));
    const images = { data: numbers(60), shape: [5, 3, 2, 2] };
    model.forward(images);
    const again = nn.load(model.save());
    expect(values(again.predict(images))).toEqual(values(model.predict(images)));
    expect(again.spec.children?.[0]).toMatchObject({ momentum: 0.25, variance: "biased", statistics: "auto" });
  });
});

/** A safetensors file, byte by byte: what PyTorch's `save_file` would write. */
function safetensors(tensors: Record<string, [dtype: string, shape: number[], bytes: ArrayBufferView]>, metadata = {}) {
  const parts = Object.values(tensors).map(([, , b]) => new Uint8Array(b.buffer, b.byteOffset, b.byteLength));
  let at = 0;
  const header = Object.entries(tensors).map(([name, [dtype, shape, bytes]]) => {
    const data_offsets = [at, at + bytes.byteLength];
    at += bytes.byteLength;
    return [name, { dtype, shape, data_offsets }];
  });
  const json = Buffer.from(JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(header) }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return new Uint8Array(Buffer.concat([length, json, ...parts]));
}
/** A net of PyTorch's: Linear(2, 2), BatchNorm1d(2), in all the kinds of numbers that are read. */
const torch = () =>
  safetensors({
    // 1, −2, 0.5 and 2⁻²⁴, the least above 0.
    "0.weight": ["F16", [2, 2], Uint16Array.of(0x3c00, 0xc000, 0x3800, 0x0001)],
    "0.bias": ["BF16", [2], Uint16Array.of(0x4049, 0xbf80)],
    "1.weight": ["F64", [2], Float64Array.of(2, 0.1)],
    "1.bias": ["F32", [2], Float32Array.of(1, 0)],
    "1.running_mean": ["F16", [2], Uint16Array.of(0x4400, 0x7bff)],
    "1.running_var": ["F64", [2], Float64Array.of(0.25, 1)],
    "1.num_batches_tracked": ["I64", [], BigInt64Array.of(300n)],
  });
const net = () => nn.sequential(nn.dense(2, 2), nn.batchNorm(2, { eps: 0 }));

describe("a file of PyTorch's", () => {
  it("is read whatever its numbers are", () => {
    const state = nn.readState(torch());
    const data = (name: string) => Array.from((state[name] as Values).data);
    expect(data("0.weight")).toEqual([1, -2, 0.5, 2 ** -24]);
    expect((state["0.weight"] as Values).shape).toEqual([2, 2]);
    expect(data("0.bias")).toEqual([3.140625, -1]);
    expect(data("1.weight")).toEqual([2, Math.fround(0.1)]);
    expect(data("1.running_mean")).toEqual([4, 65504]);
    expect(state["1.num_batches_tracked"]).toBe(300);
  });
  it("loads into a model built like it, which computes with it", () => {
    const model = net();
    model.loadState(torch());
    // (1·3 − 2·1 + 3.140625 − 4)/0.5·2 + 1
    expect(values(model.predict([[3, 1]]))[0]).toBe(1.5625);
    model.forward([[3, 1], [0, 1], [2, 2]]); // biome-ignore format: a batch
    expect(model.state()["1.num_batches_tracked"]).toBe(301);
    expect(caught(() => nn.load(torch())).message).toContain("no architecture");
  });
  it("with numbers of another kind is refused", () => {
    const error = caught(() => nn.readState(safetensors({ mask: ["BOOL", [2], Uint8Array.of(0, 1)] })));
    expect([error.code, error.data.name]).toEqual(["BAD_FILE", "mask"]);
  });
});

describe("damaged and foreign files", () => {
  const data = classData(12);
  const trainer = () => new Trainer(net(), { loss: "mse" });
  const file = net().save();
  const checkpoint = trainer().save();
  const readers: [string, (bytes: Uint8Array) => unknown][] = [
    ["nn.load", (bytes) => nn.load(bytes)],
    ["readState", (bytes) => nn.readState(bytes)],
    ["loadState", (bytes) => net().loadState(bytes)],
    ["trainer.load", (bytes) => trainer().load(bytes)],
  ];
  it.each(readers)("cut short anywhere, or too long: %s gives BAD_FILE", (name, read) => {
    const whole = name === "trainer.load" ? checkpoint : file;
    read(whole);
    for (let n = 0; n < whole.length; n++) expect(caught(() => read(whole.subarray(0, n))).code).toBe("BAD_FILE");
    expect(caught(() => read(new Uint8Array([...whole, 0]))).code).toBe("BAD_FILE");
  });
  it.each(readers)("garbage: %s gives BAD_FILE", (_, read) => {
    const huge = new Uint8Array(32).fill(255);
    const html = new TextEncoder().encode("<!doctype html><title>Not found</title>");
    for (const bytes of [huge, html, new Uint8Array(100), new Uint8Array(numbers(50).buffer)]) {
      expect(caught(() => read(bytes)).code).toBe("BAD_FILE");
    }
    for (const bytes of [undefined, "file", file.buffer]) {
      expect(caught(() => read(bytes as never)).code).toBe("BAD_ARGUMENT");
    }
  });
  it.each(readers)("any byte of the header changed: %s reads it or says why not", (name, read) => {
    const whole = name === "trainer.load" ? checkpoint : file;
    const codes = new Set<string>();
    for (let at = 0; at < Math.min(whole.length, 1000); at++) {
      const bytes = whole.slice();
      bytes[at] = (bytes[at] as number) ^ 5;
      try {
        read(bytes);
      } catch (error) {
        codes.add((error as { code: string }).code);
      }
    }
    expect(codes).toContain("BAD_FILE");
    const known = ["BAD_FILE", "STATE_MISMATCH", "BAD_ARGUMENT", "UNKNOWN_LAYER", "SHAPE_MISMATCH"];
    expect([...codes].filter((code) => !known.includes(code))).toEqual([]);
  });
  it("a failed load changes nothing", () => {
    for (const model of [classifier(), new Own()]) {
      const before = bits(model);
      const training = new Trainer(model, { loss: "crossEntropy" });
      const whole = training.save();
      expect(caught(() => training.load(whole.subarray(0, whole.length - 1))).code).toBe("BAD_FILE");
      expect(caught(() => training.load(model.save())).code).toBe("BAD_FILE");
      expect(caught(() => training.load(checkpoint)).code).toBe("BAD_FILE");
      expect(bits(model)).toEqual(before);
      expect(training.step(data.x, data.y).rows).toBe(12);
    }
  });
  it("of another version, and of layers that are not known", () => {
    const written = (info: object) => safetensors({}, { evenkeel: JSON.stringify(info) });
    const relu = { type: "relu" };
    expect(nn.load(written({ format: 1, architecture: relu })).spec).toEqual(relu);
    expect(caught(() => nn.load(written({ format: 2, architecture: relu }))).code).toBe("BAD_FILE");
    expect(caught(() => nn.load(written({ format: 1, architecture: { type: "sinc" } }))).code).toBe("UNKNOWN_LAYER");
    expect(caught(() => nn.load(safetensors({}, { evenkeel: "{" }))).code).toBe("BAD_FILE");
  });
});
