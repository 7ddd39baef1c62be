// The npm package's dist/: tsup bundles ts/ with the glue, and writes the types.
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lock } from "./lock.mjs";
import { npmPackages } from "./npm.mjs";
import { distDir, root, wasmDir } from "./paths.mjs";
import { run, SetUpError } from "./run.mjs";
import { announce } from "./say.mjs";
import { filesBelow, hashOf, readStamp, writeStamp } from "./stamp.mjs";
import { buildThread } from "./thread.mjs";
import { variants } from "./variants.mjs";
import { inlineName, wantedVariants, wasm } from "./wasm.mjs";

// Not in dist/, whose files are published.
const stamp = join(root, "build", "dist.stamp");

/** Every file that package.json's `exports` promises, but for builds that were left out on purpose. */
export function promisedFiles() {
  const found = new Set();
  const visit = (value) => {
    if (typeof value === "string") found.add(value);
    else for (const inner of Object.values(value)) visit(inner);
  };
  const { exports, main, module, types } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  visit(exports);
  for (const path of [main, module, types]) found.add(path);
  const left = variants.filter((variant) => !wantedVariants().includes(variant));
  const leftOut = (path) => left.some(({ name }) => path.startsWith(`./dist/${name}.wasm`));
  return [...found].filter((path) => !leftOut(path));
}

function packageHash() {
  const sources = filesBelow([
    "ts",
    "tsup.config.ts",
    "tsconfig.json",
    "package-lock.json",
    "scripts/setup/package.mjs",
    "scripts/setup/thread.mjs",
  ]);
  const built = filesBelow(["build/wasm"], (path) => !path.endsWith(".stamp"));
  const { version, exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return hashOf([...sources, ...built], version, JSON.stringify(exports));
}

function packageIsFresh() {
  return missingFiles().length === 0 && readStamp(stamp) === packageHash();
}

function missingFiles() {
  return promisedFiles().filter((path) => !existsSync(join(root, path)));
}

/** Builds dist/ if it is missing or anything in it has changed. */
export async function npmPackage() {
  await npmPackages();
  await wasm();
  if (packageIsFresh()) return;
  await lock();
  if (packageIsFresh()) return;
  const done = announce("building the npm package", "10 s");
  const hash = packageHash();
  rmSync(distDir, { recursive: true, force: true });
  const threadScript = await buildThread();
  await run(process.execPath, [join(root, "node_modules/tsup/dist/cli-default.js"), "--silent"]);

  writeFileSync(join(distDir, "worker-thread.js"), threadScript);
  writeFileSync(join(distDir, "worker-thread.d.ts"), "/** A script for a worker; it exports nothing. */\nexport {};\n");
  // The licence of what is bundled asks to go with it.
  copyFileSync(join(root, "node_modules/birpc/LICENSE"), join(distDir, "worker.birpc-license.txt"));
  // What is imported for its side effects alone, of which there are none: esbuild warns of it in applications.
  for (const file of readdirSync(distDir).filter((name) => name.endsWith(".js"))) {
    const path = join(distDir, file);
    writeFileSync(path, readFileSync(path, "utf8").replace(/^import *["']\.\/[\w-]+\.js["'];\n/gm, ""));
  }
  for (const variant of wantedVariants()) {
    const file = `${variant.name}.wasm`;
    copyFileSync(join(wasmDir, file), join(distDir, file));
    writeFileSync(
      join(distDir, `${file}.d.ts`),
      "/** What a bundler or host makes of the file: a compiled module where it compiles, an address where it copies. */\n" +
        "declare const wasm: unknown;\nexport default wasm;\n",
    );
    // The first one is inside the entries; the others are imported when they are asked for.
    const inline = inlineName(variant);
    if (variant !== variants[0]) copyFileSync(join(wasmDir, inline), join(distDir, inline));
  }
  // Some versions of tsup exit with 0 and no types.
  const missing = missingFiles();
  if (missing.length > 0) throw new SetUpError(`tsup did not write ${missing.join(", ")}`);
  writeStamp(stamp, hash);
  done();
}
