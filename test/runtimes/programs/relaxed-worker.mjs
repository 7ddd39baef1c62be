// A worker that wants another build of the core: it imports it and hands it over. Sends back what runs.
import { backend, init } from "evenkeel";
import wasm from "evenkeel/evenkeel-relaxed.wasm";

export default {
  async fetch() {
    await init({ module: wasm, math: "relaxed" });
    return Response.json(backend());
  },
};
