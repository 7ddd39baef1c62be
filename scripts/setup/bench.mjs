// The kernels by themselves as wasm (crates/evenkeel-bench), for bench/limits.mjs: built when it is asked for, by the
// toolchain and the flags of the wasm that is shipped, and never published. build/bench/ gets kernels.js and kernels.wasm.
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { unlock } from "./lock.mjs";
import { root } from "./paths.mjs";
import { run } from "./run.mjs";
import { announce } from "./say.mjs";
import { filesBelow, hashOf, readStamp, writeStamp } from "./stamp.mjs";
import { wasmEnvironment, wasmToolchain } from "./toolchain.mjs";
import { wasmTools } from "./tools.mjs";
import { variants } from "./variants.mjs";
import { optimise, packWasm } from "./wasm.mjs";

const folder = join(root, "build", "bench");
const stamp = join(folder, ".stamp");

/** The folder with kernels.js and kernels.wasm, built if it is missing or stale. */
export async function benchKernels() {
  const sources = filesBelow(["crates"], (path) => /[\\/]src[\\/]|[\\/]Cargo\.toml$/.test(path));
  const hash = hashOf([
    ...sources,
    ...filesBelow(["Cargo.toml", "Cargo.lock", "scripts/setup/variants.mjs", "scripts/setup/wasm.mjs"]),
  ]);
  const fresh = ["kernels.js", "kernels.wasm"].every((name) => existsSync(join(folder, name)));
  if (fresh && readStamp(stamp) === hash) return folder;
  const [plain] = variants;
  const toolchain = await wasmToolchain(plain.std);
  const tools = await wasmTools(toolchain.native);
  const done = announce("compiling the kernels by themselves", "1 min");
  const making = `${folder}.making`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  const packed = join(making, "pack");
  await run("wasm-pack", packWasm("crates/evenkeel-bench", packed, plain, toolchain), {
    env: wasmEnvironment(toolchain, plain, tools),
  });
  await optimise(join(packed, "evenkeel_bench_bg.wasm"), join(making, "kernels.wasm"), plain);
  renameSync(join(packed, "evenkeel_bench.js"), join(making, "kernels.js"));
  rmSync(packed, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
  renameSync(making, folder);
  writeStamp(stamp, hash);
  unlock();
  done();
  return folder;
}
