# For workerd itself, without wrangler: serve.mjs bundles the worker into out/edge/workerd and starts workerd with this.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [ (name = "digits", worker = .digits) ],
  sockets = [ (name = "http", address = "127.0.0.1:8787", http = (), service = "digits") ],
);

const digits :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "../../out/edge/workerd/worker.js"),
    (name = "evenkeel.wasm", wasm = embed "../../out/edge/workerd/evenkeel.wasm"),
    (name = "digits.safetensors", data = embed "../../out/edge/workerd/digits.safetensors"),
  ],
  compatibilityDate = "2026-04-01",
);
