// The types of the installed package, as TypeScript finds them under each way of resolving that users have.
import { execFile } from "node:child_process";
import { copyFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, inject, it } from "vitest";

const execute = promisify(execFile);
const { project } = inject("places");
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");

// The same program as a module and as CommonJS, where that can be told apart.
for (const kind of ["mts", "cts"]) copyFileSync(join(project, "consumer.ts"), join(project, `consumer.${kind}`));
const all = ["consumer.ts", "consumer.mts", "consumer.cts"];

it.each([
  ["node16", { module: "node16", moduleResolution: "node16" }, all],
  ["nodenext", { module: "nodenext", moduleResolution: "nodenext" }, all],
  ["bundler", { module: "esnext", moduleResolution: "bundler" }, ["consumer.ts", "consumer.mts"]],
  ...["workerd", "edge-light"].map((name) => [
    `bundler, condition ${name}`,
    { module: "esnext", moduleResolution: "bundler", customConditions: [name] },
    ["consumer.ts"],
  ]),
])("%s", async (name, options, files) => {
  const config = join(project, `tsconfig.${name.replace(/\W+/g, "-")}.json`);
  const compilerOptions = {
    ...options,
    target: "es2022",
    lib: ["es2022", "dom", "esnext.disposable"],
    strict: true,
    exactOptionalPropertyTypes: true,
    // The package's own declarations are checked as well, TypeScript's are not.
    skipLibCheck: false,
    skipDefaultLibCheck: true,
    types: [],
    noEmit: true,
  };
  writeFileSync(config, JSON.stringify({ compilerOptions, files }));
  const run = execute(process.execPath, [tsc, "-p", config], { cwd: project });
  const { code = 0, stdout, stderr } = await run.catch((error) => error);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "", stderr: "" });
});
