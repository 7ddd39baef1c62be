// edge-runtime, what Next runs edge functions in. It has no modules: a bundler puts all into one script, and what imports
// `x.wasm?module` becomes the global that edge-runtime-main.mjs fills.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "../esbuild.mjs";
import { processHost } from "./processes.mjs";
import { versionOf } from "./versions.mjs";

const main = fileURLToPath(new URL("edge-runtime-main.mjs", import.meta.url));

export const edgeRuntime = {
  host: "edge-runtime",
  how: "bundled as Next does",
  threads: /no (SharedArrayBuffer|workers)/,
  relaxed: /only from a static import|no relaxed SIMD/,
  start: async ({ project, away }) => {
    const { script, wasm } = await bundle(project, away);
    return {
      version: versionOf("edge-runtime"),
      run: processHost(process.execPath, [main, script, wasm], away),
    };
  },
};

async function bundle(project, away) {
  const script = join(away, "edge.js");
  let wasm;
  await build({
    entryPoints: [join(project, "edge.mjs")],
    outfile: script,
    bundle: true,
    format: "iife",
    conditions: ["edge-light"],
    plugins: [
      {
        name: "wasm-module",
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /\.wasm\?module$/ }, ({ path, resolveDir }) => {
            wasm = join(resolveDir, path.replace("?module", ""));
            return { path: wasm, namespace: "wasm-module" };
          });
          onLoad({ filter: /./, namespace: "wasm-module" }, () => ({ contents: "export default wasm_evenkeel;" }));
        },
      },
    ],
  });
  return { script, wasm };
}
