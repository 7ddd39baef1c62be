// wasm-bindgen's glue for `--target web`, cut down to what our own loader (ts/runtime) needs.
//
// Its own loading code fails across realms (`instanceof WebAssembly.Module`) and warns on the console, so it goes;
// what it calls is exported instead. Both halves are checked for their shape: a new wasm-bindgen that writes
// something else must stop the build, not change the package.
import { SetUpError } from "./run.mjs";

const jsCut = "\nasync function __wbg_load(module, imports) {";
const jsEnd = "export { initSync, __wbg_init as default };";
const dtsInitInput = "export type InitInput = ";
const dtsInterface = "export interface InitOutput {";
const dtsCut = "export type SyncInitInput = ";

/** The JavaScript: classes and imports, and no way to load. */
export function trimGlue(source) {
  const text = source.replaceAll("\r\n", "\n").trimEnd();
  const at = onlyIndexOf(text, jsCut, "evenkeel_wasm.js");
  if (!text.endsWith(jsEnd)) throw unexpected("evenkeel_wasm.js", `does not end with "${jsEnd}"`);
  for (const wanted of ["function __wbg_get_imports() {", "function __wbg_finalize_init(instance, module) {"]) {
    onlyIndexOf(text, wanted, "evenkeel_wasm.js");
  }

  let kept = text.slice(0, at);
  kept = replaceOnly(kept, "let wasmModule, wasmInstance, wasm;", "let wasm;");
  kept = replaceOnly(kept, "    wasmInstance = instance;\n", "");
  kept = replaceOnly(kept, "    wasmModule = module;\n", "");
  kept = replaceOnly(
    kept,
    "function __wbg_finalize_init(instance, module) {",
    "function __wbg_finalize_init(instance) {",
  );
  for (const banned of ["import.meta", "fetch(", "instanceof WebAssembly", "require(", "wasmModule", "wasmInstance"]) {
    if (kept.includes(banned)) throw unexpected("evenkeel_wasm.js", `still has "${banned}" outside its loading code`);
  }
  return `${kept.trimEnd()}\n\nexport { __wbg_get_imports, __wbg_finalize_init };\n`;
}

/** The types that belong to `trimGlue`'s JavaScript. */
export function trimGlueTypes(source) {
  const name = "evenkeel_wasm.d.ts";
  const text = source.replaceAll("\r\n", "\n").trimEnd();
  const inputAt = onlyIndexOf(text, dtsInitInput, name);
  const interfaceAt = onlyIndexOf(text, dtsInterface, name);
  const cutAt = onlyIndexOf(text, dtsCut, name);
  if (!(inputAt < interfaceAt && interfaceAt < cutAt)) throw unexpected(name, "has its parts in another order");
  return [
    text.slice(0, inputAt).trimEnd(),
    text.slice(interfaceAt, cutAt).trimEnd(),
    "/** What the wasm imports. Must be made anew for each instance. */",
    "export function __wbg_get_imports(): WebAssembly.Imports;",
    "",
    "/** Makes an instance the one that all classes here work on. */",
    "export function __wbg_finalize_init(instance: WebAssembly.Instance): InitOutput;",
    "",
  ]
    .join("\n\n")
    .replaceAll("\n\n\n", "\n\n");
}

function onlyIndexOf(text, wanted, name) {
  const at = text.indexOf(wanted);
  if (at < 0) throw unexpected(name, `lacks "${wanted.trim()}"`);
  if (text.indexOf(wanted, at + 1) >= 0) throw unexpected(name, `has "${wanted.trim()}" more than once`);
  return at;
}

function replaceOnly(text, wanted, replacement) {
  const at = onlyIndexOf(text, wanted, "evenkeel_wasm.js");
  return text.slice(0, at) + replacement + text.slice(at + wanted.length);
}

function unexpected(name, what) {
  return new SetUpError(
    `wasm-bindgen's ${name} ${what}.\n  scripts/setup/glue.mjs was written for 0.2.130: look at what the version in Cargo.lock writes.`,
  );
}
