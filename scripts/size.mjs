#!/usr/bin/env node
// What the package weighs for who uses it: each entry bundled and minified as an application would, and the wasm.
// `node scripts/size.mjs [--json]`
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { distDir } from "./setup/paths.mjs";
import { kilobytes } from "./setup/say.mjs";
import { variants } from "./setup/variants.mjs";

const entries = [
  ["index.js", "Node, browsers, Deno, Bun (wasm inlined)"],
  ["edge-light.js", "Next edge and edge-light, without the .wasm"],
  ["workerd.js", "workerd, without the .wasm"],
  ["worker.js", "evenkeel/worker by itself, its worker's script inside, without the .wasm"],
];

const rows = [];
for (const [name, where] of entries) {
  const result = await build({
    // `export *` keeps everything: the most that an application can get.
    stdin: { contents: `export * from "./${name}";`, resolveDir: distDir },
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
    // The other builds are chunks that only who asks for them loads.
    external: ["*.wasm", "*.wasm?module", "./inline-*.js", ...(name === "worker.js" ? ["./inline.js"] : [])],
    logLevel: "error",
  });
  rows.push(weigh(name, where, result.outputFiles[0].contents));
}
for (const [i, { name }] of variants.entries()) {
  const where = i === 0 ? "the wasm by itself" : "only for who asks for it";
  rows.push(weigh(`${name}.wasm`, where, readFileSync(join(distDir, `${name}.wasm`))));
}
const width = Math.max(...rows.map(({ name }) => name.length));

if (process.argv.includes("--json")) {
  console.log(JSON.stringify(rows, null, 2));
} else {
  console.log(`${"".padEnd(width)} ${["bytes", "gzip", "brotli"].map((title) => title.padStart(10)).join(" ")}`);
  for (const { name, where, bytes, gzip, brotli } of rows) {
    const numbers = [bytes, gzip, brotli].map((count) => kilobytes(count).padStart(10)).join(" ");
    console.log(`${name.padEnd(width)} ${numbers}  ${where}`);
  }
}

function weigh(name, where, content) {
  const gzip = gzipSync(content, { level: 9 }).length;
  return { name, where, bytes: content.length, gzip, brotli: brotliCompressSync(content).length };
}
