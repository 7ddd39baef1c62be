import { basename } from "node:path";
import { defineConfig, type Options } from "tsup";

type Plugin = NonNullable<Options["esbuildPlugins"]>[number];

/**
 * Leaves imports as files beside the one that is built: what is loaded on demand, and what several entries have. `of` says
 * which file an import is.
 */
const apart = (name: string, filter: RegExp, of: (path: string) => string): Plugin => ({
  name,
  setup(build) {
    build.onResolve({ filter }, ({ path, kind }) =>
      kind === "entry-point" ? undefined : { path: of(path), external: true },
    );
  },
});

// The builds that are loaded when they are asked for are one file for ESM and CommonJS: scripts/setup/package.mjs copies
// them.
const builds = apart("builds-on-demand", /\/build\/wasm\/inline-[\w-]+\.js$/, (path) => `./${basename(path)}`);
// The wasm itself, which both `evenkeel` and `evenkeel/worker` have.
const wasm = (extension: string) => apart("wasm", /\/runtime\/inline\.js$/, () => `./inline.${extension}`);
// CommonJS has no shared chunks: an error that a worker gives is the class that `evenkeel` exports.
const errors = apart("errors", /\/errors\.js$/, () => "./index.cjs");

/**
 * Lets bundlers drop the namespaces (`nn`, `optim`, ..) that an application does not use: how esbuild fills them looks to
 * others like something that has to happen.
 */
const namespaces: NonNullable<Options["plugins"]>[number] = {
  name: "namespaces",
  renderChunk(code) {
    const found = /var (\w+)\s*=\s*\{\};\s*__export\(\1,\s*(\{[^{}]*\})\);/g;
    const dropped = code.replace(found, "var $1=/* @__PURE__ */(all=>(__export(all,$2),all))({});\n");
    if (/\}\s*;\s*__export\(/.test(dropped)) throw new Error("esbuild makes namespaces in another way than this knows");
    return { code: dropped };
  },
};

const shared: Options = {
  target: "es2022",
  platform: "neutral",
  tsconfig: "ts/tsconfig.json",
  outDir: "dist",
  treeshake: true,
  // Small, but with names: they make stack traces readable, and cost little once gzipped.
  esbuildOptions(options) {
    options.minifySyntax = true;
    options.minifyWhitespace = true;
    // Node prints the line of an error that nobody catches: all of the package would be that line.
    options.lineLimit = 160;
  },
  plugins: [namespaces],
  // The types of `evenkeel/worker` refer to those of `evenkeel`.
  external: ["evenkeel"],
  // scripts/setup/package.mjs clears dist/: these configurations run at the same time.
  clean: false,
};
const esm: Options = {
  ...shared,
  format: "esm",
  splitting: true,
  // The hosts that compile wasm only from a static import must see that import in the built file.
  external: ["evenkeel", /\.wasm(\?module)?$/],
};
const index = "ts/index.ts";
const worker = "ts/worker/index.ts";
const edge = { "edge-light": "ts/edge-light.ts", workerd: "ts/workerd.ts" };
const workers = { worker, "worker-edge": "ts/worker/edge.ts" };

export default defineConfig([
  {
    ...esm,
    entry: { index, ...edge, ...workers },
    dts: { entry: { index, ...edge } },
    esbuildPlugins: [wasm("js")],
  },
  { ...esm, entry: { inline: "ts/runtime/inline.ts" }, esbuildPlugins: [builds] },
  { ...esm, entry: workers, dts: { only: true } },
  { ...shared, format: "cjs", entry: { index }, dts: true, esbuildPlugins: [wasm("cjs")] },
  { ...shared, format: "cjs", entry: { worker }, dts: true, esbuildPlugins: [wasm("cjs"), errors] },
  { ...shared, format: "cjs", entry: { inline: "ts/runtime/inline.ts" }, esbuildPlugins: [builds] },
]);
