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

// What an application takes of an entry, and the most that may travel for it: gzipped kB, a little above what it is. A
// change that needs more says so by a new number here.
const entries = [
  { name: "index.js", budget: 148, where: "Node, browsers, Deno, Bun (wasm inlined)" },
  { name: "edge-light.js", budget: 25, where: "Next edge and edge-light, without the .wasm" },
  { name: "workerd.js", budget: 25, where: "workerd, without the .wasm" },
  { name: "worker.js", budget: 30.5, where: "evenkeel/worker, its worker's script inside, without the .wasm" },
  { name: "workerd.js", takes: "init, load", budget: 15.3, where: "the same for inference alone" },
  { name: "index.js", takes: "init, load", budget: 17, where: "inference in Node and browsers, without the wasm" },
];
const wasmBudgets = [128, 129, 136, 136];

const rows = [];
for (const { name, takes, ...about } of entries) {
  const result = await build({
    // `export *` keeps everything: the most that an application can get.
    stdin: { contents: `export ${takes ? `{ ${takes} }` : "*"} from "./${name}";`, resolveDir: distDir },
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
    // The other builds are chunks that only who asks for them loads.
    external: [
      "*.wasm",
      "*.wasm?module",
      "./inline-*.js",
      ...(about.where.includes("without the") ? ["./inline.js"] : []),
    ],
    logLevel: "error",
  });
  rows.push(weigh(takes ? `${name}: ${takes}` : name, about, result.outputFiles[0].contents));
}
for (const [i, { name }] of variants.entries()) {
  const where = i === 0 ? "the wasm by itself" : "only for who asks for it";
  const about = { where, budget: wasmBudgets[i] };
  rows.push(weigh(`${name}.wasm`, about, readFileSync(join(distDir, `${name}.wasm`))));
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

const heavy = rows.filter(({ gzip, budget }) => gzip > budget * 1000);
for (const { name, gzip, budget } of heavy) {
  console.error(`${name}: ${kilobytes(gzip)} gzipped is more than its budget of ${budget} kB`);
}
process.exitCode = heavy.length > 0 ? 1 : 0;

function weigh(name, { where, budget }, content) {
  const gzip = gzipSync(content, { level: 9 }).length;
  return { name, where, bytes: content.length, gzip, brotli: brotliCompressSync(content).length, budget };
}
