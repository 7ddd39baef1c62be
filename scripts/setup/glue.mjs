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

/**
 * The glue for all variants, `{ js, types }`, from what wasm-bindgen wrote for each (a Map from name to
 * `{ js, types }`): that of the first, once it is sure that the others' calls in the wasm and imports are the same.
 */
export function oneGlue(written) {
  const [[, first], ...others] = written;
  const wanted = callsOf(first.js);
  // The least that a shared memory has to start with; without such a build nobody asks.
  const [shared] = others.filter(([, { threads }]) => threads);
  const pages = shared
    ? /^ {8}memory: memory \|\| new WebAssembly\.Memory\(\{initial:(\d+),/m.exec(shared[1].js)?.[1]
    : "0";
  if (pages === undefined) throw unexpected("evenkeel_wasm.js", "does not say how a shared memory starts");
  for (const [name, { js }] of others) {
    const calls = callsOf(js);
    const differing = [...calls, ...wanted].filter((call) => !calls.has(call) || !wanted.has(call));
    if (differing.length > 0) throw unexpected("evenkeel_wasm.js", `differs in ${name}: ${differing.join(", ")}`);
  }
  return {
    js: `${safeGlue(trimGlue(first.js))}\nexport const sharedPages = ${pages};\n`,
    types: `${trimGlueTypes(first.types)}\n/** Pages that a shared memory starts with, at the least. */\nexport const sharedPages: number;\n`,
  };
}

// What wasm-bindgen writes for a shared memory does for any: such a memory's buffer is not detached when it grows, but
// no longer the one of now, and text can neither be read from it nor be written to it in place.
function safeGlue(source) {
  const view = /\b(cached\w+Memory0)\.byteLength === 0\b/g;
  const views = source.match(/^function get\w+ArrayMemory0\(/gm)?.length ?? 0;
  if (views === 0 || source.match(view)?.length !== views)
    throw unexpected("evenkeel_wasm.js", "makes views in another way");
  const dataView =
    /cachedDataViewMemory0\.buffer\.detached === true \|\| \(cachedDataViewMemory0\.buffer\.detached === undefined && (cachedDataViewMemory0\.buffer !== wasm\.memory\.buffer)\)/;
  if (!dataView.test(source)) throw unexpected("evenkeel_wasm.js", "makes its DataView in another way");
  const safe = source.replaceAll(view, "$1.buffer !== wasm.memory.buffer").replace(dataView, "$1");
  const decoding = replaceOnly(safe, "cachedTextDecoder.decode(bytes)", "cachedTextDecoder.decode(bytes.slice())");
  return replaceOnly(decoding, "if (!('encodeInto' in cachedTextEncoder)) {", "{");
}

/** The JavaScript: classes and imports, and no way to load. */
function trimGlue(source) {
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

/** What the glue calls in the wasm with what, and what it gives the wasm to call. */
function callsOf(source) {
  const text = source.replaceAll("\r\n", "\n");
  const calls = text.slice(0, onlyIndexOf(text, jsCut, "evenkeel_wasm.js"));
  const found = [...calls.matchAll(/\bwasm\.\w+\(.*?\)|^ {8}\w+: function\(.*?\)/gm)].map(([call]) => call.trim());
  // With threads it takes the size of a worker's stack; the first instance has its own.
  return new Set(found.filter((call) => !call.startsWith("wasm.__wbindgen_start(")));
}

/** The types that belong to `trimGlue`'s JavaScript. */
function trimGlueTypes(source) {
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
