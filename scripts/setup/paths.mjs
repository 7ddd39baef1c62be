// Where everything lives, and the versions that are pinned here rather than in a lock file.
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's folder. */
export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

/** What is expensive and may be shared between clones: toolchain and tools. Never inside git. */
export const cache =
  process.env.EVENKEEL_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "evenkeel");

/** The wasm and its glue, read by the TypeScript build. */
export const wasmDir = join(root, "build", "wasm");

/** The npm package's built files. */
export const distDir = join(root, "dist");

/** The package that only brings a newer Node to test on; see its package.json. */
export const newerNodeDir = join(root, "test", "newer-node");

/** The packages of all other hosts; see its package.json. */
export const hostsDir = join(root, "test", "runtimes");

/** The package that only brings the bundlers that the tests use. */
export const bundlersDir = join(hostsDir, "bundlers");

/** The package that only brings the libraries that the benchmark compares with. */
export const peersDir = join(root, "bench", "peers");

/** The example that is a page, with a Vite of its own. */
export const pageDir = join(root, "examples", "browser");

export const wasmTarget = "wasm32-unknown-unknown";

export const wasmPackVersion = "0.15.1";

export const zopfliVersion = "0.8.4";
export const cargoFuzzVersion = "0.13.2";

/** wasm-bindgen's command must be exactly as old as the crate, or it refuses the wasm. */
export function wasmBindgenVersion() {
  const lock = readFileSync(join(root, "Cargo.lock"), "utf8");
  const found = /name = "wasm-bindgen"\nversion = "([^"]+)"/.exec(lock.replaceAll("\r\n", "\n"));
  if (!found) throw new Error("Cargo.lock names no version of wasm-bindgen");
  return found[1];
}

/** The oldest rustc that may build the crates, as [major, minor]. */
export function oldestRust() {
  const found = /rust-version = "(\d+)\.(\d+)/.exec(readFileSync(join(root, "Cargo.toml"), "utf8"));
  if (!found) throw new Error("Cargo.toml has no rust-version");
  return [Number(found[1]), Number(found[2])];
}
