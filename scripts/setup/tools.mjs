// wasm-bindgen, wasm-pack and zopfli, built from crates.io into the cache. A folder for each version: two clones that need
// different ones do not undo each other's.
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { lock } from "./lock.mjs";
import { cache, cargoFuzzVersion, wasmBindgenVersion, wasmPackVersion, zopfliVersion } from "./paths.mjs";
import { run } from "./run.mjs";
import { announce, note } from "./say.mjs";

/** Builds what is missing; gives the folders to put on PATH. */
export async function wasmTools(native) {
  const bindgen = await tool("wasm-bindgen-cli", wasmBindgenVersion(), "wasm-bindgen", "4 min", native);
  const pack = await tool("wasm-pack", wasmPackVersion, "wasm-pack", "3 min", native);
  const zopfli = await tool("zopfli", zopfliVersion, "zopfli", "10 s", native);
  return [bindgen, pack, zopfli];
}

/** cargo-fuzz, for scripts/fuzz.mjs alone. */
export function fuzzTool(native) {
  return tool("cargo-fuzz", cargoFuzzVersion, "cargo-fuzz", "1 min", native);
}

async function tool(crate, version, command, about, native) {
  const folder = join(cache, "tools", `${crate}-${version}`);
  const binary = join(folder, "bin", command);
  if (existsSync(binary)) return join(folder, "bin");
  await lock();
  if (existsSync(binary)) return join(folder, "bin");

  const done = announce(`building ${crate} ${version}, once`, about);
  const making = `${folder}.making`;
  rmSync(making, { recursive: true, force: true });
  const args = ["install", crate, "--version", `=${version}`, "--bin", command, "--root", making];
  const env = { ...native.env, CARGO_TARGET_DIR: join(making, "target") };
  try {
    await run(native.cargo, [...args, "--locked"], { env });
  } catch (error) {
    // A registry may not (yet) have a version that the tool's own lock file names. The tool stays pinned; of what
    // lies beneath it, cargo may then choose another version that fits.
    if (!/failed to select a version|no matching package/.test(error.message)) throw error;
    note(`  the registry lacks a version that ${crate}'s lock file names: letting cargo choose`);
    await run(native.cargo, args, { env });
  }
  rmSync(join(making, "target"), { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
  renameSync(making, folder);
  done();
  return join(folder, "bin");
}
