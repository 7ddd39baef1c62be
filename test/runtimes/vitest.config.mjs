// The package on JavaScript's hosts and by bundlers: `npm run test:runtimes`, `npm run test:bundlers`.
// With EVENKEEL_WRITE_HOSTS=1 what they find goes into docs/runtimes.json and the README's table.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here("."),
  test: {
    include: ["{hosts,bundlers}/*.test.mjs"],
    globalSetup: here("project.mjs"),
    // Browsers and bundlers on a machine that others use as well.
    testTimeout: 120_000,
    hookTimeout: 240_000,
    fileParallelism: false,
    reporters: ["default", ...(process.env.EVENKEEL_WRITE_HOSTS ? [here("reporter.mjs")] : [])],
  },
});
