#!/usr/bin/env node
// Is what `npm publish` would send what users can import? publint and attw read the packed tarball; then it is
// installed into an empty project and run there, as ESM and as CommonJS.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { installInto, packInto, runPlain } from "./packed.mjs";
import { root } from "./setup/paths.mjs";
import { variants } from "./setup/variants.mjs";
import { inlineName } from "./setup/wasm.mjs";

const folder = mkdtempSync(join(tmpdir(), "evenkeel-package-"));
let failures = 0;
try {
  const { report, tarball } = packInto(folder);
  console.log(`packed ${report.filename}: ${report.files.length} files, ${(report.size / 1000).toFixed(1)} kB`);

  check("only what users need is packed", () => {
    const extra = report.files
      .map((file) => file.path)
      .filter((path) => !/^(dist\/(?!\.)|LICENSE-|README|package\.json)/.test(path));
    if (extra.length > 0) throw new Error(`also packed: ${extra.join(", ")}`);
    const builds = variants.flatMap((variant, i) => [
      `dist/${variant.name}.wasm`,
      ...(i > 0 ? [`dist/${inlineName(variant)}`] : []),
    ]);
    for (const wanted of ["LICENSE-MIT", "LICENSE-APACHE", ...builds]) {
      if (!report.files.some((file) => file.path === wanted)) throw new Error(`not packed: ${wanted}`);
    }
  });

  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  check("no dependency reaches users", () => {
    for (const kind of ["dependencies", "peerDependencies", "optionalDependencies"]) {
      if (manifest[kind]) throw new Error(`package.json has ${kind}`);
    }
  });

  const { messages } = await publint({ pkgDir: root, strict: true });
  // The types of a .wasm are not a module's: what importing it gives depends on the host.
  const relevant = messages.filter((message) => !/evenkeel[\w-]*\.wasm/.test(message.path?.join(".") ?? ""));
  check("publint", () => {
    if (relevant.length > 0) throw new Error(relevant.map((message) => formatMessage(message, manifest)).join("\n"));
  });

  check("attw (are the types wrong?)", () => {
    const attw = join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
    const options = [
      "--exclude-entrypoints",
      ...variants.map(({ name }) => `./${name}.wasm`),
      // A script for workers, which nobody imports.
      "./worker-thread",
      // "evenkeel/worker" is found by `exports`, which TypeScript's resolution of Node 10 does not know.
      "--profile",
      "node16",
      "--no-emoji",
      "--format",
      "ascii",
    ];
    runPlain(process.execPath, [attw, tarball, ...options], root);
  });

  const project = installInto(folder, tarball);
  const use = "evenkeel.init().then(() => console.log(Object.keys(evenkeel).length, 'exports, started'));";
  writeFileSync(join(project, "use.mjs"), `import * as evenkeel from "evenkeel";\n${use}\n`);
  writeFileSync(join(project, "use.cjs"), `const evenkeel = require("evenkeel");\n${use}\n`);
  writeFileSync(
    join(project, "file.mjs"),
    'import { readFileSync } from "node:fs";\nimport { init } from "evenkeel";\n' +
      'const bytes = readFileSync(new URL(import.meta.resolve("evenkeel/evenkeel.wasm")));\n' +
      "await init({ bytes });\nconsole.log('started from the file');\n",
  );
  const threads =
    "evenkeel.init({ threads: 2 }).then(() => console.log('started,', evenkeel.backend().threads, 'threads'));";
  writeFileSync(join(project, "threads.mjs"), `import * as evenkeel from "evenkeel";\n${threads}\n`);
  writeFileSync(join(project, "threads.cjs"), `const evenkeel = require("evenkeel");\n${threads}\n`);
  const worker =
    "spawn().then(async (remote) => console.log('started,', (await remote.memory()).wasm, 'bytes in a worker'));";
  writeFileSync(join(project, "worker.mjs"), `import { spawn } from "evenkeel/worker";\n${worker}\n`);
  writeFileSync(join(project, "worker.cjs"), `const { spawn } = require("evenkeel/worker");\n${worker}\n`);
  const uses = ["use.mjs", "use.cjs", "file.mjs", "threads.mjs", "threads.cjs", "worker.mjs", "worker.cjs"];
  for (const name of uses) {
    check(`a stranger's ${name}`, () => {
      const output = runPlain(process.execPath, [name], project).trim();
      if (!output.includes("started") || output.includes("1 threads")) throw new Error(`printed "${output}"`);
      return output;
    });
  }
  check("importing alone prints nothing and starts nothing", () => {
    const quiet = join(project, "quiet.mjs");
    const trap =
      'for (const name of ["instantiate", "compile", "Module"]) WebAssembly[name] = () => { throw new Error(name); };';
    writeFileSync(quiet, `${trap}\nawait import("evenkeel");\n`);
    const output = runPlain(process.execPath, [quiet], project);
    if (output !== "") throw new Error(`printed "${output}"`);
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (failures > 0) console.error(`${failures} of the package's checks failed`);
process.exitCode = failures > 0 ? 1 : 0;

function check(what, body) {
  try {
    const detail = body();
    console.log(`  ok      ${what}${detail ? `: ${detail}` : ""}`);
  } catch (error) {
    failures += 1;
    const output = [error.message, error.stdout, error.stderr].filter(Boolean).join("\n");
    console.error(`  FAILED  ${what}\n${output.replaceAll(/^/gm, "          ")}`);
  }
}
