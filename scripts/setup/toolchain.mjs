// Chooses the Rust that builds everything: one that can already compile to wasm; rustup's, if it can add the target;
// the recipe of debian.mjs. EVENKEEL_TOOLCHAIN=debian takes the recipe at once and never asks rustup.
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { onDebian } from "./apt.mjs";
import { debianLints, debianNative, debianToolchain, readyDebianToolchain } from "./debian.mjs";
import { lock } from "./lock.mjs";
import { oldestRust, root, wasmTarget } from "./paths.mjs";
import { ask, run, SetUpError } from "./run.mjs";
import { announce, note } from "./say.mjs";

const forced = process.env.EVENKEEL_TOOLCHAIN;
const chosen = {};

/**
 * A toolchain that compiles to wasm, with a standard library of the kind that the variant needs:
 * `{ id, name, native: { cargo, env, subcommands }, wasmPath?, wasmFlags, cargoArguments, cargoEnv }`.
 */
export async function wasmToolchain(std = "plain") {
  chosen[std] ??= std === "plain" ? await choose() : await chooseShared();
  return chosen[std];
}

/** What runs cargo natively: the same rustc that builds the wasm, so that both builds agree. */
export async function nativeToolchain({ lints = false } = {}) {
  const native = await chooseNative();
  if (lints && native.debian) await debianLints();
  return native;
}

async function chooseNative() {
  if (forced === "debian") return debianNative();
  if (!chosen.plain) {
    // Quick, and enough where the wasm is already built.
    const host = hostRust();
    if (host?.newEnough && host.hasTarget) return hostNative;
  }
  return (await wasmToolchain()).native;
}

/** The environment in which cargo and wasm-pack build a variant. */
export function wasmEnvironment(toolchain, variant, toolFolders = []) {
  const env = { ...toolchain.native.env, ...toolchain.cargoEnv };
  for (const name of ["RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC", "RUSTDOC", "CARGO"]) delete env[name];
  const folders = [toolchain.wasmPath, ...toolFolders].filter(Boolean);
  env.PATH = [...folders, env.PATH].join(":");
  // Paths end up in panic messages: without these the wasm would differ from machine to machine.
  const home = env.CARGO_HOME || join(homedir(), ".cargo");
  const remaps = [`--remap-path-prefix=${root}=.`, `--remap-path-prefix=${home}=cargo`];
  const links = variant.linkArguments.flatMap((argument) => ["-C", `link-arg=${argument}`]);
  const flags = ["-C", `target-feature=${variant.targetFeatures}`, ...toolchain.wasmFlags, ...links, ...remaps];
  // cargo would build everything anew each time that the flags change.
  env.CARGO_TARGET_DIR = join(root, "target", `wasm-${toolchain.id}`, variant.name);
  env.CARGO_ENCODED_RUSTFLAGS = flags.join("\x1f");
  return env;
}

const hostNative = { cargo: "cargo", subcommands: {}, env: process.env };
const hostToolchain = { id: "host", native: hostNative, wasmFlags: [], cargoArguments: [], cargoEnv: {} };

async function choose() {
  if (forced === "debian") return debianToolchain("plain");
  if (forced) throw new SetUpError(`EVENKEEL_TOOLCHAIN is "${forced}"; the only value it knows is "debian"`);

  const host = hostRust();
  if (host?.newEnough && host.hasTarget) return { ...hostToolchain, name: host.name };
  const ready = readyDebianToolchain("plain");
  if (ready) return ready;
  const added = await addByRustup(host);
  if (added) return added;
  if (onDebian()) return debianToolchain("plain");
  throw new SetUpError(
    `there is no Rust toolchain for ${wasmTarget}. Install Rust by rustup, then: rustup target add ${wasmTarget}`,
  );
}

// No toolchain comes with a library for shared memory: cargo builds it from source, with the same Rust.
async function chooseShared() {
  const plain = await wasmToolchain("plain");
  if (plain.native.debian) return debianToolchain("shared");
  const { env } = plain.native;
  const hasSource = () => {
    const sysroot = ask("rustc", ["--print", "sysroot"], { env })?.trim() ?? "";
    return existsSync(join(sysroot, "lib", "rustlib", "src", "rust", "library", "std", "Cargo.toml"));
  };
  if (!hasSource()) {
    const missing =
      "the build with threads needs the source of Rust's standard library. With rustup: rustup component add rust-src";
    if (!ask("rustup", ["--version"])) throw new SetUpError(missing);
    await lock();
    const done = announce("asking rustup for the library's source", "20 s");
    await run("rustup", ["component", "add", "rust-src"], { env });
    done();
    if (!hasSource()) throw new SetUpError(missing);
  }
  return {
    ...plain,
    id: `${plain.id}-shared`,
    // Building the library is not yet a stable feature of cargo; the code that comes out is.
    cargoArguments: ["-Zbuild-std=std,panic_abort"],
    cargoEnv: { RUSTC_BOOTSTRAP: "1" },
  };
}

/** The Rust on PATH, in the words of its rustc. */
function hostRust() {
  const version = ask("rustc", ["-vV"]);
  const [, major, minor] = /release: (\d+)\.(\d+)/.exec(version ?? "") ?? [];
  if (!major || !ask("cargo", ["--version"])) return undefined;
  const [wantedMajor, wantedMinor] = oldestRust();
  const sysroot = ask("rustc", ["--print", "sysroot"])?.trim() ?? "";
  return {
    name: version.split("\n")[0],
    newEnough: Number(major) > wantedMajor || (Number(major) === wantedMajor && Number(minor) >= wantedMinor),
    hasTarget: existsSync(join(sysroot, "lib", "rustlib", wasmTarget, "lib")),
  };
}

async function addByRustup(host) {
  if (!ask("rustup", ["--version"])) return undefined;
  await lock();
  const done = announce(`asking rustup for ${wasmTarget}`, "30 s");
  try {
    if (host?.newEnough) await run("rustup", ["target", "add", wasmTarget]);
    else await run("rustup", ["toolchain", "install", "stable", "--profile", "minimal", "--target", wasmTarget]);
  } catch (error) {
    done("rustup could not add it");
    if (!onDebian()) throw error;
    note("going on with Debian's packages instead");
    return undefined;
  }
  done();
  if (host?.newEnough) return { ...hostToolchain, name: host.name };
  // The default toolchain is too old, and not ours to change.
  const env = { ...process.env, RUSTUP_TOOLCHAIN: "stable" };
  return { ...hostToolchain, name: "rustup's stable", native: { ...hostNative, env } };
}
