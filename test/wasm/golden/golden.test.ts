/**
 * Golden vectors on the shipped wasm, through the public API: one test a file. Files in double precision are the
 * native runner's (`crates/evenkeel/tests/golden.rs`), since the wasm computes in single precision; those without a
 * precision in their name (schedules, initial values, errors) run here too. A file of a kind that is neither known nor
 * deferred fails, and so does an output or gradient that nobody compared.
 */
import { init } from "evenkeel";
import { beforeAll, describe, expect, it } from "vitest";
import { all, type Case, folder, isForeign } from "./case.js";
import { deferred, runnerOf } from "./kinds.js";
import { Run } from "./run.js";

const cases = all();
const isNative = (c: Case): boolean => c.name.endsWith("_f64") && c.dtype === "float64";
const later = cases.filter((c) => deferred.has(c.op));
const native = cases.filter((c) => !deferred.has(c.op) && isNative(c));
const here = cases.filter((c) => !deferred.has(c.op) && !isNative(c));

beforeAll(() => init());

describe("golden vectors on the wasm", () => {
  it.each(here.map((c) => [c.name, c] as const))("%s", async (_, of) => {
    const runner = runnerOf(of.op);
    expect(runner, `nobody knows the kind "${of.op}"`).toBeDefined();
    const run = new Run(of);
    await runner?.(run);
    const problems = run.problems();
    if (problems.length > 0) expect.fail(problems.join("\n"));
  });
});

describe("golden vectors that do not run on the wasm", () => {
  it("every file is here, with the native runner or of a later issue", () => {
    expect(cases.length, `no golden file in ${folder}`).toBeGreaterThan(0);
    expect(here.length + native.length + later.length).toBe(cases.length);
  });

  it(`${native.length} in double precision are the native runner's, of kinds that are known here too`, () => {
    const unknown = native.filter((c) => runnerOf(c.op) === undefined);
    expect(unknown.map((c) => `${c.name}: nobody knows the kind "${c.op}"`)).toEqual([]);
  });

  it.skipIf(isForeign)("each of those has a twin in single precision that ran above", () => {
    const ran = new Set(here.map((c) => c.name));
    expect(native.map((c) => c.name.replace(/_f64$/, "_f32")).filter((twin) => !ran.has(twin))).toEqual([]);
  });

  it(`${later.length} are of kinds that come with later issues, none of which has come`, () => {
    expect([...deferred].filter((op) => runnerOf(op) !== undefined)).toEqual([]);
  });
});
