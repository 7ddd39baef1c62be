// Bundles the edge function, as Vercel's own tools do, and serves it by the edge runtime. Run `npm run setup edge` and
// `node examples/edge/train.mjs` once, then `node examples/edge-vercel/serve.mjs`.
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { requireHost } from "../edge/hosts.mjs";

const { EdgeRuntime, runServer } = requireHost("edge-runtime");
const modules = {};

/** `import module from "./x.wasm?module"` becomes a global variable, which the runtime provides. */
const wasmModules = {
  name: "wasm modules",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\.wasm\?module$/ }, ({ path, resolveDir }) => ({
      path: resolve(resolveDir, path.replace("?module", "")),
      namespace: "wasm",
    }));
    onLoad({ filter: /./, namespace: "wasm" }, async ({ path }) => {
      const name = `wasm_${Object.keys(modules).length}`;
      modules[name] = await WebAssembly.compile(await readFile(path));
      return { contents: `export default ${name};` };
    });
  },
};

const { outputFiles } = await build({
  stdin: {
    contents: `import handler from "./api/index.mjs";
      addEventListener("fetch", (event) => event.respondWith(handler(event.request)));`,
    resolveDir: dirname(fileURLToPath(import.meta.url)),
  },
  bundle: true,
  write: false,
  format: "iife",
  target: "es2022",
  conditions: ["edge-light"],
  plugins: [wasmModules],
  logLevel: "warning",
});
const runtime = new EdgeRuntime({
  initialCode: outputFiles[0].text,
  extend: (context) => Object.assign(context, modules),
});
const { url } = await runServer({ runtime, host: "127.0.0.1", port: Number(process.env.PORT ?? 8787) });
console.log(`listening on ${url}`);
