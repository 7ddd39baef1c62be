// How the edge hosts import wasm statically: Next and edge-light with `?module`, workerd without.
declare module "*.wasm?module" {
  const module: WebAssembly.Module;
  export default module;
}

declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
