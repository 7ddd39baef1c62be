import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const built = fileURLToPath(new URL("./dist/index.js", import.meta.url));

export default defineConfig({
  resolve: {
    // Tests see what users get: the built package with the wasm inside.
    alias: [{ find: /^evenkeel$/, replacement: built }],
  },
  test: {
    // Those in test/runtimes are .mjs, and run by a configuration of their own.
    include: ["test/**/*.test.ts"],
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
