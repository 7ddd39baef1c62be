// For `npm run test:edge`: the examples for edge hosts, each served by its real host. Apart from the other tests, since they
// need a gigabyte of hosts.
import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";
import base from "../../vitest.config.js";

export default defineConfig({
  ...base,
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: {
    ...base.test,
    include: ["test/examples/**/*.test.ts"],
    exclude: configDefaults.exclude,
    globalSetup: "test/examples/train.ts",
    fileParallelism: false,
  },
});
