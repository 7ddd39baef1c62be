/**
 * Same seed, same bits: 50 steps of a training with batch norm and dropout end in the weights whose hash is in
 * `test/same_bits.json`. The native core is held to the same constant by `crates/evenkeel/tests/same_bits.rs`; here the
 * shipped package is, in this Node and in a newer one, whose engine is another.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const { hash } = JSON.parse(readFileSync(path("../same_bits.json"), "utf8")) as { hash: string };
const newer = path("../newer-node/node_modules/node22/bin/node");

const run = (node: string, entry: string): { host: string; hash: string } =>
  JSON.parse(execFileSync(node, [path("same-bits.mjs"), path(`../../dist/${entry}`)], { encoding: "utf8" }));

describe("the same bits as the native core's", () => {
  it("the constant is a hash", () => expect(hash).toMatch(/^[0-9a-f]{16}$/));

  it.each(["index.js", "index.cjs"])("in this Node, by %s", (entry) => {
    expect(run(process.execPath, entry)).toEqual({ host: `Node ${process.versions.node}`, hash });
  });

  it.each(["index.js", "index.cjs"])("in a newer Node, by %s", (entry) => {
    const result = run(newer, entry);
    const major = (version: string) => Number(/\d+/.exec(version));
    expect(major(result.host)).toBeGreaterThan(20);
    expect(result.hash).toBe(hash);
  });
});
