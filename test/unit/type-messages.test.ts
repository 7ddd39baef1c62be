// What people read when the sizes of layers do not fit: the compiler's own messages, which must name both numbers.
import { describe, expect, it } from "vitest";
import { diagnose } from "./compile.js";

const head = `import { nn, type Tensor } from "evenkeel";
class FourToTwo extends nn.Module<4, 2> {
  forward(x: Tensor): Tensor { return x; }
}
`;
const list = (n: number, layer: (i: number) => string): string =>
  Array.from({ length: n }, (_, i) => layer(i)).join(", ");
const deep = (n: number): string => list(n / 2, (i) => `nn.dense(${i + 1}, ${i + 2}), nn.relu()`);

const sources = {
  batchNorm: "nn.sequential(nn.dense(784, 256), nn.batchNorm(128));",
  farther: "nn.sequential(nn.dense(784, 256), nn.relu(), nn.dropout(0.1), nn.dense(128, 10));",
  nested: "nn.sequential(nn.dense(784, 256), nn.sequential(nn.relu(), nn.batchNorm(128)));",
  customAfter: "nn.sequential(nn.dense(784, 256), new FourToTwo());",
  afterCustom: "nn.sequential(new FourToTwo(), nn.dense(3, 1));",
  two: "nn.sequential(nn.dense(1, 2), nn.dense(3, 4), nn.dense(5, 6));",
  residual: "nn.residual(nn.sequential(nn.dense(256, 64), nn.relu(), nn.dense(64, 128)));",
  branchesTake: "nn.parallel([nn.dense(256, 8), nn.dense(128, 8)]);",
  branchesGive: 'nn.parallel([nn.dense(8, 256), nn.dense(8, 128)], { join: "sum" });',
  fits: "nn.sequential(nn.dense(784, 256), nn.batchNorm(256));",
  deep40: `const end: ${21} = nn.sequential(${deep(40)}).outFeatures;`,
  deep200: `const end: ${101} = nn.sequential(${deep(200)}).outFeatures;`,
  deepMisfit: `nn.sequential(${deep(40)}, nn.batchNorm(128));`,
} as const;
type Case = keyof typeof sources;

const found = diagnose(Object.values(sources).map((source) => head + source));
const messages = (name: Case): string[] => found[Object.keys(sources).indexOf(name)] as string[];
/** The one message there is. */
function message(name: Case): string {
  const all = messages(name);
  expect(all).toHaveLength(1);
  return all[0] as string;
}

describe("the compiler's message names both numbers", () => {
  it("where batch norm does not fit the layer before it", () => {
    expect(message("batchNorm")).toMatchInlineSnapshot(`
      "Argument of type 'CoreModule<128, 128>' is not assignable to parameter of type 'CoreModule<128, 128> & FeatureMismatch<"this layer takes 128 features, but the one before it gives 256">'.
        Property 'featureMismatch' is missing in type 'CoreModule<128, 128>' but required in type 'FeatureMismatch<"this layer takes 128 features, but the one before it gives 256">'."
    `);
  });
  it("where layers without sizes stand in between", () => {
    expect(message("farther")).toContain('"this layer takes 128 features, but the one before it gives 256"');
  });
  it("where the layer is in a sequence of its own", () => {
    expect(message("nested")).toContain('"this layer takes 128 features, but the one before it gives 256"');
  });
  it("where one of the two is a class of one's own", () => {
    expect(message("customAfter")).toContain('"this layer takes 4 features, but the one before it gives 256"');
    expect(message("afterCustom")).toContain('"this layer takes 3 features, but the one before it gives 2"');
  });
  it("where the body of a residual gives another number than it takes", () => {
    expect(message("residual")).toMatchInlineSnapshot(`
      "Argument of type 'CoreModule<256, 128>' is not assignable to parameter of type 'CoreModule<256, 128> & FeatureMismatch<"a residual body must give what it takes: it takes 256 features and gives 128">'.
        Property 'featureMismatch' is missing in type 'CoreModule<256, 128>' but required in type 'FeatureMismatch<"a residual body must give what it takes: it takes 256 features and gives 128">'."
    `);
  });
  it("where parallel branches take different numbers", () => {
    expect(message("branchesTake")).toMatchInlineSnapshot(`
      "Type 'CoreModule<128, 8>' is not assignable to type 'CoreModule<128, 8> & FeatureMismatch<"branches must take the same features, to be parallel: this one has 128, another 256">'.
        Property 'featureMismatch' is missing in type 'CoreModule<128, 8>' but required in type 'FeatureMismatch<"branches must take the same features, to be parallel: this one has 128, another 256">'."
    `);
  });
  it("where branches that are added give different numbers", () => {
    expect(message("branchesGive")).toMatchInlineSnapshot(`
      "Type 'CoreModule<8, 128>' is not assignable to type 'CoreModule<8, 128> & FeatureMismatch<"branches must give the same features, to be added: this one has 128, another 256">'.
        Property 'featureMismatch' is missing in type 'CoreModule<8, 128>' but required in type 'FeatureMismatch<"branches must give the same features, to be added: this one has 128, another 256">'."
    `);
  });
  it("and the numbers are all it names: its first line is short enough to read", () => {
    for (const name of ["batchNorm", "farther", "nested", "residual", "branchesTake", "branchesGive"] as const) {
      expect((message(name).split("\n")[0] as string).length).toBeLessThan(250);
    }
  });
});

describe("no more and no less", () => {
  it("what fits compiles", () => {
    expect(messages("fits")).toEqual([]);
  });
  it("of two misfits the compiler reports the first", () => {
    expect(message("two")).toContain('"this layer takes 3 features, but the one before it gives 2"');
  });
});

describe("long models", () => {
  it("40 and 200 layers compile, and what they give is known", () => {
    expect(messages("deep40")).toEqual([]);
    expect(messages("deep200")).toEqual([]);
  });
  it("the last of 41 layers is still checked", () => {
    expect(message("deepMisfit")).toContain('"this layer takes 128 features, but the one before it gives 21"');
  });
});
