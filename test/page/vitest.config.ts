import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: ["test/page/*.browser.ts"],
    // Browsers start, build and train in it.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // One browser after the other: each is to have the processors for itself.
    fileParallelism: false,
  },
});
