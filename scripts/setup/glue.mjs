// What TypeScript needs to know of the wasm files: the types of what they export, and what they import.
//
// Only numbers cross (crates/evenkeel-wasm/src/lib.rs), so no JavaScript of wasm-bindgen's is needed; ts/crossing.ts calls
// the exports themselves. What is read here of its output is checked: a wasm that imports something else, or a new
// wasm-bindgen that writes something else, must stop the build, not change the package.
import { SetUpError } from "./run.mjs";

const interfaceOf = /^export interface InitOutput \{\n([^}]*)\}/m;
const importsOf = /^function __wbg_get_imports\([^)]*\) \{\n(.*?)^\}/ms;
const groupOf = /^ {8}"([^"]+)": import0,$/gm;
const importOf = /^ {8}(\w+): function/gm;
const sharedOf = /^ {8}memory: memory \|\| new WebAssembly\.Memory\(\{initial:(\d+),/m;

// wasm-bindgen's start calls it, to fill a table of JavaScript's values; there are none.
const wantedImport = "__wbindgen_init_externref_table";
// As many as ts/crossing.ts passes on.
const mostArguments = 6;

/**
 * The module `{ js, types }` for all variants, from what wasm-bindgen wrote for each (a Map from name to
 * `{ js, types, threads }`), once it is sure that they export and import the same.
 */
export function oneGlue(written) {
  const [[, first], ...others] = written;
  const wanted = exportsOf(first.types);
  const from = importsFrom(first.js);
  for (const [name, { js, types }] of others) {
    const found = exportsOf(types);
    const differing = [...found, ...wanted].filter((line) => !found.includes(line) || !wanted.includes(line));
    if (differing.length > 0) throw unexpected("evenkeel_wasm.d.ts", `differs in ${name}: ${differing.join(" ")}`);
    if (importsFrom(js) !== from) throw unexpected("evenkeel_wasm.js", `imports from elsewhere in ${name}`);
  }
  // The least that a shared memory has to start with; without such a build nobody asks.
  const shared = others.find(([, { threads }]) => threads);
  const pages = shared ? only(shared[1].js, sharedOf, "evenkeel_wasm.js")[1] : "0";
  return {
    js: `export const importsFrom = "${from}";\nexport const importedFunction = "${wantedImport}";\nexport const sharedPages = ${pages};\n`,
    types:
      "/** The functions that the wasm exports. Truths are 0 or 1, addresses may come out negative. */\n" +
      `export interface Exports {\n${wanted.join("\n")}\n}\n` +
      "/** The name under which it imports. */\nexport declare const importsFrom: string;\n" +
      "/** The only function that it imports, which has nothing to do. */\nexport declare const importedFunction: string;\n" +
      "/** Pages that a shared memory starts with, at the least. */\nexport declare const sharedPages: number;\n",
  };
}

/** The lines of the exports' types, but for the memory, which some import, and for what the threads' start has. */
function exportsOf(types) {
  const lines = only(types, interfaceOf, "evenkeel_wasm.d.ts")[1].trimEnd().split("\n");
  const kept = lines.filter((line) => !/^ {4}readonly (memory:|__(?!wbindgen_start\b))/.test(line));
  for (const line of kept) {
    const [, name, given] = /^ {4}readonly (\w+): \((.*?)\) => (?:number|void);$/.exec(line) ?? [];
    if (name === undefined) {
      throw unexpected("evenkeel_wasm.d.ts", `has an export that does not take and give numbers: ${line.trim()}`);
    }
    if (given?.split(",").length > mostArguments) {
      throw new SetUpError(`evenkeel-wasm: ${name} takes more than ${mostArguments} numbers (ts/crossing.ts)`);
    }
  }
  // Workers alone give the start a stack.
  return kept.map((line) => line.replace(/(__wbindgen_start): \(.*?\)/, "$1: ()"));
}

/** From where it imports, once it is sure that it imports nothing that would have to do something. */
function importsFrom(js) {
  const [, body] = only(js, importsOf, "evenkeel_wasm.js");
  const functions = [...body.matchAll(importOf)].map(([, name]) => name);
  if (functions.join() !== wantedImport) {
    throw unexpected("evenkeel_wasm.js", `imports ${functions.join(", ") || "nothing"} instead of ${wantedImport}`);
  }
  const groups = [...body.matchAll(groupOf)].map(([, name]) => name);
  if (groups.length !== 1) throw unexpected("evenkeel_wasm.js", "does not import from one place");
  return groups[0];
}

function only(text, pattern, name) {
  const found = pattern.exec(text.replaceAll("\r\n", "\n"));
  if (!found) throw unexpected(name, `has nothing like ${pattern}`);
  return found;
}

function unexpected(name, what) {
  return new SetUpError(
    `wasm-bindgen's ${name} ${what}.\n  scripts/setup/glue.mjs was written for 0.2.130: look at what the version in Cargo.lock writes.`,
  );
}
