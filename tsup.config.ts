import { basename } from "node:path";
import { defineConfig, type Options } from "tsup";

const shared: Options = {
  target: "es2022",
  platform: "neutral",
  outDir: "dist",
  dts: true,
  treeshake: true,
  // Small, but with names: they make stack traces readable, and cost little once gzipped.
  esbuildOptions(options) {
    options.minifySyntax = true;
    options.minifyWhitespace = true;
    // Node prints the line of an error that nobody catches: all of the package would be that line.
    options.lineLimit = 160;
  },
  esbuildPlugins: [
    {
      name: "builds-on-demand",
      setup(build) {
        // The builds that are loaded when they are asked for stay files of their own, one for ESM and CommonJS:
        // scripts/setup/package.mjs copies them.
        build.onResolve({ filter: /\/build\/wasm\/inline-[\w-]+\.js$/ }, ({ path, kind }) =>
          kind === "dynamic-import" ? { path: `./${basename(path)}`, external: true } : undefined,
        );
      },
    },
  ],
  // scripts/setup/package.mjs clears dist/: these configurations run at the same time.
  clean: false,
};

export default defineConfig([
  {
    ...shared,
    entry: ["ts/index.ts", "ts/edge-light.ts", "ts/workerd.ts"],
    format: "esm",
    splitting: true,
    // The hosts that compile wasm only from a static import must see that import in the built file.
    external: [/\.wasm(\?module)?$/],
  },
  { ...shared, entry: ["ts/index.ts"], format: "cjs" },
]);
