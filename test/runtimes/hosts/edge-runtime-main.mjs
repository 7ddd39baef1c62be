// Runs a bundle in edge-runtime, and gives it its wasm as Next does: as a global, compiled out here, in another realm.
// `node edge-runtime-main.mjs <bundle> <wasm>`; a request from stdin, the response to stdout.
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { EdgeRuntime } from "edge-runtime";

const [bundle, wasm] = process.argv.slice(2).map((path) => readFileSync(path));
const runtime = new EdgeRuntime({
  initialCode: bundle.toString(),
  extend: (context) => Object.assign(context, { wasm_evenkeel: new WebAssembly.Module(wasm) }),
});
const response = await runtime.dispatchFetch("http://edge.test/", { method: "POST", body: await text(process.stdin) });
console.log(await response.text());
