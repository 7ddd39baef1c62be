// Bundlers that write files: webpack, Rollup and esbuild without configuration for wasm, each for pages and some for Node.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { rollup, VERSION as rollupVersion } from "rollup";
import webpack from "webpack";
import { build, version as esbuildVersion } from "../esbuild.mjs";
import { processHost } from "../hosts/processes.mjs";
import { filesInChromium } from "./pages.mjs";

// programs/page.mjs for pages, programs/main.mjs for Node.
const entryOf = (project, node) => join(project, node ? "main.mjs" : "page.mjs");

async function byWebpack(project, path, node) {
  const compiler = webpack({
    mode: "production",
    context: project,
    entry: { entry: entryOf(project, node) },
    target: node ? "node" : "web",
    output: { path },
  });
  const stats = await new Promise((resolve, reject) => {
    compiler.run((error, stats) => (error ? reject(error) : resolve(stats)));
  });
  await new Promise((resolve) => compiler.close(resolve));
  if (stats.hasErrors()) throw new Error(stats.toString());
}

async function byRollup(project, dir, node) {
  const bundle = await rollup({
    input: { entry: entryOf(project, node) },
    plugins: [nodeResolve()],
    external: /^node:/,
  });
  await bundle.write({ dir, format: "esm" });
  await bundle.close();
}

function byEsbuild(project, outdir, node, splitting) {
  return build({
    entryPoints: { entry: entryOf(project, node) },
    outdir,
    bundle: true,
    minify: true,
    format: "esm",
    platform: node ? "node" : "browser",
    splitting,
  });
}

export const files = [
  bundler("webpack", "for pages", webpack.version, byWebpack),
  bundler("webpack", '`target: "node"`', webpack.version, (project, path) => byWebpack(project, path, true), true),
  bundler("Rollup", "with node-resolve, for pages", rollupVersion, byRollup),
  bundler("esbuild", "one file, for pages", esbuildVersion, byEsbuild),
  bundler("esbuild", "`--splitting`, for pages", esbuildVersion, (project, path) =>
    byEsbuild(project, path, false, true),
  ),
  bundler("esbuild", "`--platform=node`", esbuildVersion, (project, path) => byEsbuild(project, path, true), true),
];

function bundler(host, how, version, make, node = false) {
  return {
    host,
    how,
    threads: 2,
    relaxed: node && Number.parseInt(process.versions.node, 10) < 22 ? /no relaxed SIMD/ : true,
    start: async ({ project, away }) => {
      const folder = join(away, `${host}-${how}`.replace(/\W+/g, "-"));
      mkdirSync(folder);
      await make(project, folder);
      if (!node) return filesInChromium(folder, version);
      writeFileSync(join(folder, "package.json"), JSON.stringify({ type: host === "webpack" ? "commonjs" : "module" }));
      return { version, run: processHost(process.execPath, [join(folder, "entry.js")], folder) };
    },
  };
}
