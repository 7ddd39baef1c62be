// The wasm files: wasm-pack compiles each variant and makes its glue, wasm-opt makes it smaller and faster, zopfli
// packs it, and the TypeScript build finds in build/wasm/
//   evenkeel.js, evenkeel.d.ts     the glue, one for all variants
//   evenkeel.wasm, ...             for who loads the file
//   inline.js, inline.d.ts, ...    the same, gzipped as small as can be, as base64, for who cannot
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { oneGlue } from "./glue.mjs";
import { lock } from "./lock.mjs";
import { npmPackages } from "./npm.mjs";
import { namedByPlace } from "./order.mjs";
import { root, wasmDir, wasmPackVersion } from "./paths.mjs";
import { run, SetUpError } from "./run.mjs";
import { announce, kilobytes } from "./say.mjs";
import { filesBelow, hashOf, readStamp, writeStamp } from "./stamp.mjs";
import { wasmEnvironment, wasmToolchain } from "./toolchain.mjs";
import { wasmTools } from "./tools.mjs";
import { variants } from "./variants.mjs";

const stamp = join(wasmDir, ".stamp");

// Named one by one, since wasm-opt takes nothing for granted: what wasm-bindgen and rustc use today, no more.
const wasmOptFlags = [
  // The linker puts the stack first, so no data lie below address 1024, and `p + 8` in an access never wraps.
  "--low-memory-unused",
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

/** The variants to build: all, but for who works on the core and wants only some (`EVENKEEL_VARIANTS=evenkeel`). */
export function wantedVariants() {
  const names = process.env.EVENKEEL_VARIANTS?.split(",");
  if (!names) return variants;
  const unknown = names.filter((name) => !variants.some((variant) => variant.name === name));
  if (unknown.length > 0) throw new SetUpError(`EVENKEEL_VARIANTS: there is no variant ${unknown.join(", ")}`);
  return variants.filter((variant, i) => i === 0 || names.includes(variant.name));
}

/** `inline.js` of the first variant, `inline-relaxed.js` and so on of the others. */
export function inlineName(variant) {
  return `${variant.name.replace("evenkeel", "inline")}.js`;
}

function outputs() {
  const files = wantedVariants().flatMap((variant) => {
    const inline = inlineName(variant);
    return [`${variant.name}.wasm`, inline, inline.replace(/js$/, "d.ts")];
  });
  return ["evenkeel.js", "evenkeel.d.ts", ...files];
}

/** Everything that the wasm is made of. */
export function wasmHash() {
  const crates = filesBelow(["crates/evenkeel", "crates/evenkeel-kernels", "crates/evenkeel-wasm"], (path) =>
    /[\\/]src[\\/]|[\\/](Cargo\.toml|build\.rs)$/.test(path),
  );
  const scripts = ["glue", "order", "variants", "wasm"].map((name) => `scripts/setup/${name}.mjs`);
  const others = filesBelow(["Cargo.toml", "Cargo.lock", ...scripts]);
  return hashOf([...crates, ...others], wasmPackVersion, ...wantedVariants().map((variant) => variant.name));
}

export function wasmIsFresh() {
  return outputs().every((name) => existsSync(join(wasmDir, name))) && readStamp(stamp) === wasmHash();
}

/** Builds the wasm files if one is missing or their sources have changed. */
export async function wasm() {
  if (wasmIsFresh()) return;
  await npmPackages();
  const { native } = await wasmToolchain();
  const tools = await wasmTools(native);
  await lock();
  if (wasmIsFresh()) return;

  const hash = wasmHash();
  const making = `${wasmDir}.making`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  const glue = new Map();
  for (const variant of wantedVariants()) glue.set(variant.name, await build(variant, making, tools));

  // For all, built or not: ts/ imports them.
  for (const variant of variants) writeInlineTypes(making, variant);
  const { js, types } = oneGlue(glue);
  writeFileSync(join(making, "evenkeel.js"), js);
  writeFileSync(join(making, "evenkeel.d.ts"), types);
  rmSync(wasmDir, { recursive: true, force: true });
  renameSync(making, wasmDir);
  writeStamp(stamp, hash);
}

/** Compiles and optimises one variant; gives its glue. */
async function build(variant, making, tools) {
  const toolchain = await wasmToolchain(variant.std);
  const compiled = announce(`compiling the Rust core to ${variant.name}.wasm with ${toolchain.name}`, "1 min");
  const packed = join(making, "pack");
  const env = wasmEnvironment(toolchain, variant, tools);
  await run("wasm-pack", packWasm("crates/evenkeel-wasm", packed, variant, toolchain), { env });
  const raw = join(packed, "evenkeel_wasm_bg.wasm");
  checkCompiles(raw, variant);
  compiled(kilobytes(readFileSync(raw).length));

  const optimised = announce(`optimising ${variant.name}.wasm`, "40 s");
  const file = join(making, `${variant.name}.wasm`);
  await optimise(raw, file, variant);
  checkCompiles(file, variant);
  const bytes = readFileSync(file);
  const gzipped = await writeInline(making, variant, bytes, env);
  optimised(`${kilobytes(bytes.length)}, ${kilobytes(gzipped)} gzipped`);

  const read = (name) => readFileSync(join(packed, name), "utf8");
  const glue = { js: read("evenkeel_wasm.js"), types: read("evenkeel_wasm.d.ts"), threads: variant.std === "shared" };
  rmSync(packed, { recursive: true, force: true });
  return glue;
}

/** What wasm-pack is told. It would make a package.json as well, which only ours may be. */
export function packWasm(crate, to, variant, toolchain) {
  const how = ["--mode", "no-install", "--target", "web", "--release", "--no-pack", "--out-dir", to];
  const features = variant.crateFeatures.length > 0 ? ["--features", variant.crateFeatures.join(",")] : [];
  return ["build", crate, ...how, "--", ...features, ...toolchain.cargoArguments];
}

/** wasm-opt, from one file to another: small first, then with alike functions next to each other. */
export async function optimise(from, to, variant) {
  await wasmOpt(from, to, ["-Oz", ...variant.optimiserFlags]);
  writeFileSync(to, namedByPlace(readFileSync(to)));
  await wasmOpt(to, to, ["--reorder-functions-by-name", ...variant.optimiserFlags]);
}

function wasmOpt(from, to, flags) {
  const wasmOpt = join(root, "node_modules/binaryen/bin/wasm-opt");
  return run(process.execPath, [wasmOpt, from, "-o", to, ...flags, ...wasmOptFlags]);
}

// The engine says it better than wasm-opt ("Duplicate export name 'memory'": a Rust function of that name).
function checkCompiles(file, variant) {
  // Node 20 has no relaxed SIMD.
  if (variant.optimiserFlags.includes("--enable-relaxed-simd")) return;
  try {
    new WebAssembly.Module(readFileSync(file));
  } catch (error) {
    throw new SetUpError(`Node refuses ${file}:\n  ${error.message}`);
  }
}

/** Packed by zopfli, which takes its time for 4 % fewer bytes. */
async function writeInline(folder, variant, bytes, env) {
  const file = join(folder, `${variant.name}.wasm`);
  await run("zopfli", [file], { env });
  const gzipped = readFileSync(`${file}.gz`);
  rmSync(`${file}.gz`);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  writeFileSync(
    join(folder, inlineName(variant)),
    `export const wasmGzipBase64 = "${gzipped.toString("base64")}";\n` +
      `export const wasmSize = ${bytes.length};\n` +
      `export const wasmSha256 = "${sha256}";\n`,
  );
  return gzipped.length;
}

function writeInlineTypes(folder, variant) {
  writeFileSync(
    join(folder, inlineName(variant).replace(/js$/, "d.ts")),
    `/** ${variant.name}.wasm, gzipped, as base64. */\nexport declare const wasmGzipBase64: string;\n` +
      "/** Its bytes when unpacked. */\nexport declare const wasmSize: number;\n" +
      "/** Their SHA-256, in hexadecimal. */\nexport declare const wasmSha256: string;\n",
  );
}
