import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";

const built = (name: string) => fileURLToPath(new URL(`./dist/${name}`, import.meta.url));

export default defineConfig({
  resolve: {
    // Tests see what users get: the built package with the wasm inside.
    alias: [
      { find: /^evenkeel$/, replacement: built("index.js") },
      { find: /^evenkeel\/worker$/, replacement: built("worker.js") },
    ],
  },
  test: {
    // Those in test/runtimes are .mjs, and run by a configuration of their own.
    include: ["test/**/*.test.ts"],
    // Those with real hosts are `npm run test:edge`.
    exclude: [...configDefaults.exclude, "test/examples/**"],
    // Gradient checks and golden files walk many cases in one test.
    testTimeout: 60_000,
    // The built package runs as Node runs it, untransformed.
    server: { deps: { external: [/\/dist\/.*\.c?js$/] } },
    typecheck: {
      include: ["test/types/**/*.test-d.ts"],
      tsconfig: "test/tsconfig.json",
    },
  },
});
