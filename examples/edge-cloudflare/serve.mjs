// Bundles the worker, as wrangler does, and serves it by workerd itself with config.capnp. Run `npm run setup edge` and
// `node examples/edge/train.mjs` once, then `node examples/edge-cloudflare/serve.mjs`.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { requireHost } from "../edge/hosts.mjs";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

await build({
  entryPoints: [path("worker.mjs")],
  outfile: path("../../out/edge/workerd/worker.js"),
  bundle: true,
  format: "esm",
  // The package's entry for workerd, which imports the wasm; both files stay files beside the bundle.
  conditions: ["workerd"],
  loader: { ".wasm": "copy", ".safetensors": "copy" },
  assetNames: "[name]",
  logLevel: "warning",
});

const address = `--socket-addr=http=127.0.0.1:${process.env.PORT ?? 8787}`;
const args = ["serve", path("config.capnp"), address, "--control-fd=3"];
const workerd = spawn(requireHost("workerd").default, args, { stdio: ["ignore", "inherit", "inherit", "pipe"] });
// workerd tells here on which port it listens.
createInterface({ input: workerd.stdio[3] }).on("line", (line) => {
  const { event, port } = JSON.parse(line);
  if (event === "listen") console.log(`listening on http://127.0.0.1:${port} by process ${workerd.pid}`);
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => workerd.kill());
workerd.once("exit", (code) => {
  process.exitCode = code ?? 0;
});
