// The script that runs in the workers of `evenkeel/worker`: one classic script without imports, which is a module as
// well. It is written to dist/, and as a text into build/thread/, from where ts/worker/index.ts takes it.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./paths.mjs";

/** Builds it and gives its text. */
export async function buildThread() {
  // Not above: these files are read before there are packages.
  const { build } = await import("esbuild");
  const result = await build({
    entryPoints: [join(root, "ts/worker/thread.ts")],
    bundle: true,
    // No bundler of an application looks into a text: it is as small as it can be from the start.
    minify: true,
    treeShaking: true,
    format: "iife",
    target: "es2022",
    platform: "neutral",
    write: false,
    logLevel: "error",
  });
  const [{ text }] = result.outputFiles;
  const folder = join(root, "build", "thread");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "source.js"), `export const threadSource = ${JSON.stringify(text)};\n`);
  writeFileSync(
    join(folder, "source.d.ts"),
    "/** The script that runs in a worker. */\nexport declare const threadSource: string;\n",
  );
  return text;
}
