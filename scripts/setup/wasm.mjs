// The wasm: wasm-pack compiles it and makes its glue, wasm-opt makes it smaller and faster, and the TypeScript build
// finds in build/wasm/
//   evenkeel.js, evenkeel.d.ts   the glue
//   evenkeel.wasm                for who loads the file
//   inline.js, inline.d.ts       the same, gzipped, as base64, for who cannot
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { trimGlue, trimGlueTypes } from "./glue.mjs";
import { lock } from "./lock.mjs";
import { npmPackages } from "./npm.mjs";
import { root, wasmDir, wasmPackVersion } from "./paths.mjs";
import { run, SetUpError } from "./run.mjs";
import { announce, kilobytes } from "./say.mjs";
import { filesBelow, hashOf, readStamp, writeStamp } from "./stamp.mjs";
import { wasmEnvironment, wasmToolchain } from "./toolchain.mjs";
import { wasmTools } from "./tools.mjs";

const stamp = join(wasmDir, ".stamp");
const outputs = ["evenkeel.js", "evenkeel.d.ts", "evenkeel.wasm", "inline.js", "inline.d.ts"];

// Named one by one, since wasm-opt takes nothing for granted: what wasm-bindgen and rustc use today, no more.
const wasmOptFlags = [
  "-O3",
  "--enable-simd",
  "--enable-bulk-memory",
  "--enable-mutable-globals",
  "--enable-multivalue",
  "--enable-nontrapping-float-to-int",
  "--enable-reference-types",
  "--enable-sign-ext",
  "--strip-debug",
  "--strip-producers",
  "--strip-target-features",
];

/** Everything that the wasm is made of. */
export function wasmHash() {
  const crates = filesBelow(["crates/evenkeel", "crates/evenkeel-wasm"], (path) =>
    /[\\/]src[\\/]|[\\/](Cargo\.toml|build\.rs)$/.test(path),
  );
  const others = filesBelow(["Cargo.toml", "Cargo.lock", "scripts/setup/glue.mjs", "scripts/setup/wasm.mjs"]);
  return hashOf([...crates, ...others], wasmPackVersion);
}

export function wasmIsFresh() {
  return outputs.every((name) => existsSync(join(wasmDir, name))) && readStamp(stamp) === wasmHash();
}

/** Builds the wasm if it is missing or its sources have changed. */
export async function wasm() {
  if (wasmIsFresh()) return;
  await npmPackages();
  const toolchain = await wasmToolchain();
  const tools = await wasmTools(toolchain.native);
  await lock();
  if (wasmIsFresh()) return;

  const hash = wasmHash();
  const making = `${wasmDir}.making`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });

  const compiled = announce(`compiling the Rust core to wasm with ${toolchain.name}`, "2 min");
  const packed = join(making, "pack");
  await run("wasm-pack", packWasm("crates/evenkeel-wasm", packed), { env: wasmEnvironment(toolchain, tools) });
  const raw = join(packed, "evenkeel_wasm_bg.wasm");
  checkCompiles(raw);
  compiled(kilobytes(readFileSync(raw).length));

  const optimised = announce("optimising the wasm", "40 s");
  const file = join(making, "evenkeel.wasm");
  await optimise(raw, file);
  checkCompiles(file);
  const bytes = readFileSync(file);

  const glue = (name) => readFileSync(join(packed, name), "utf8");
  writeFileSync(join(making, "evenkeel.js"), trimGlue(glue("evenkeel_wasm.js")));
  writeFileSync(join(making, "evenkeel.d.ts"), trimGlueTypes(glue("evenkeel_wasm.d.ts")));
  const gzipped = writeInline(making, bytes);
  optimised(`${kilobytes(bytes.length)}, ${kilobytes(gzipped)} gzipped`);

  rmSync(packed, { recursive: true, force: true });
  rmSync(wasmDir, { recursive: true, force: true });
  renameSync(making, wasmDir);
  writeStamp(stamp, hash);
}

/** What wasm-pack is told. It would make a package.json as well, which only ours may be. */
export function packWasm(crate, to) {
  return ["build", crate, "--mode", "no-install", "--target", "web", "--release", "--no-pack", "--out-dir", to];
}

/** wasm-opt, from one file to another. */
export async function optimise(from, to) {
  await run(process.execPath, [join(root, "node_modules/binaryen/bin/wasm-opt"), from, "-o", to, ...wasmOptFlags]);
}

// The engine says it better than wasm-opt ("Duplicate export name 'memory'": a Rust function of that name).
function checkCompiles(file) {
  try {
    new WebAssembly.Module(readFileSync(file));
  } catch (error) {
    throw new SetUpError(`Node refuses ${file}:\n  ${error.message}`);
  }
}

function writeInline(folder, bytes) {
  const gzipped = gzipSync(bytes, { level: 9 });
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  writeFileSync(
    join(folder, "inline.js"),
    `export const wasmGzipBase64 = "${gzipped.toString("base64")}";\n` +
      `export const wasmSize = ${bytes.length};\n` +
      `export const wasmSha256 = "${sha256}";\n`,
  );
  writeFileSync(
    join(folder, "inline.d.ts"),
    "/** evenkeel.wasm, gzipped, as base64. */\nexport declare const wasmGzipBase64: string;\n" +
      "/** Its bytes when unpacked. */\nexport declare const wasmSize: number;\n" +
      "/** Their SHA-256, in hexadecimal. */\nexport declare const wasmSha256: string;\n",
  );
  return gzipped.length;
}
