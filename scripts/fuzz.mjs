#!/usr/bin/env node
// Fuzzes every parser for some seconds each: `node scripts/fuzz.mjs [seconds] [target ...]`. Starts from real files
// that the library writes, and keeps what it finds in crates/evenkeel/fuzz/corpus (ignored by git).
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unlock } from "./setup/lock.mjs";
import { root } from "./setup/paths.mjs";
import { ask, run, SetUpError } from "./setup/run.mjs";
import { note } from "./setup/say.mjs";
import { nativeToolchain } from "./setup/toolchain.mjs";
import { fuzzTool } from "./setup/tools.mjs";

const folder = join(root, "crates/evenkeel/fuzz");
const [seconds = "60", ...wanted] = process.argv.slice(2);
const linear = { type: "linear", in_features: 3, out_features: 2, bias: true };
const all = readdirSync(join(folder, "fuzz_targets")).map((name) => name.replace(/\.rs$/, ""));

try {
  const native = await nativeToolchain();
  // libFuzzer itself is C++.
  if (!ask("c++", ["--version"]) && native.debian) await run("apt-get", ["install", "-y", "-qq", "g++"]);
  const tool = await fuzzTool(native);
  unlock();
  for (const target of wanted.length > 0 ? wanted : all) {
    seed(target);
    note(`fuzzing ${target} for ${seconds} s`);
    await run(
      join(tool, "cargo-fuzz"),
      // Coverage alone finds the way in; the address sanitizer would need a library that Debian's rustc lacks, and the
      // crate has no unsafe code for it to watch.
      ["fuzz", "run", "--sanitizer", "none", "--fuzz-dir", folder, target, "--"].concat([
        `-max_total_time=${seconds}`,
        "-rss_limit_mb=2048",
        "-timeout=10",
        "-print_final_stats=1",
      ]),
      // The flags that instrument for coverage are unstable ones.
      { env: { ...native.env, RUSTC_BOOTSTRAP: "1", CARGO: native.cargo }, cwd: root },
    );
  }
  note(`${wanted.length || all.length} targets: nothing found`);
} catch (error) {
  if (!(error instanceof SetUpError)) throw error;
  note(`FAILED: ${error.message}`);
  process.exitCode = 1;
}

/** Valid inputs to start from: mutations of nothing rarely get past the first check. */
function seed(target) {
  const corpus = join(folder, "corpus", target);
  mkdirSync(corpus, { recursive: true });
  const seeds = {
    architecture: [
      '{"type":"sequential","children":[{"type":"linear","in_features":4,"out_features":2,"bias":true,"init":"orthogonal"},{"type":"batch_norm","features":2,"momentum":null,"convention":"keras"},{"type":"residual","children":[{"type":"dropout","p":0.1}]},{"type":"parallel","join":"sum","children":[{"type":"gelu","approximate":"tanh"},{"type":"hardtanh","min_val":-1,"max_val":2}]},{"type":"flatten","start_dim":1},{"type":"softmax","dim":-1}]}',
    ],
    model_file: [safetensors({ weight: [[2, 3], 6], bias: [[2], 2] }, { format: 1, architecture: linear })],
    checkpoint: [safetensors({ counters: [[1], 1] }, { format: 1, kind: "checkpoint", architecture: null })],
  };
  for (const [i, data] of (seeds[target] ?? []).entries()) {
    const file = join(corpus, `seed-${i}`);
    if (!existsSync(file)) writeFileSync(file, data);
  }
}

/** A small safetensors file of zeros. */
function safetensors(tensors, metadata) {
  const header = { __metadata__: { evenkeel: JSON.stringify(metadata) } };
  let at = 0;
  for (const [name, [shape, values]] of Object.entries(tensors)) {
    header[name] = { dtype: "F32", shape, data_offsets: [at, at + 4 * values] };
    at += 4 * values;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(at)]);
}
