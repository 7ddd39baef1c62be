// A wasm toolchain from Debian's own packages, for machines that cannot ask rustup for one.
//
// Debian's rustc-web has no standard library for wasm32-unknown-unknown, but rust-web-src has its source. So it is
// built once and laid into a sysroot of our own, which wasm-pack then takes for an ordinary toolchain.
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { aptInstall } from "./apt.mjs";
import { lock } from "./lock.mjs";
import { cache, oldestRust, wasmTarget } from "./paths.mjs";
import { ask, run, SetUpError } from "./run.mjs";
import { announce } from "./say.mjs";
import { readStamp, writeStamp } from "./stamp.mjs";
import { stdFeatures } from "./variants.mjs";

const rustc = "/usr/bin/rustc";
const cargo = "/usr/bin/cargo";
const packages = ["rustc-web", "cargo-web", "rust-web-src"];
const stdSource = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";
const oldestLld = 19;
const elsewhere =
  `there is no Rust toolchain for ${wasmTarget}, and this is not Debian, where one can be put together.\n` +
  `  Install Rust by rustup, then: rustup target add ${wasmTarget}`;

// A panic is a trap, without the text and the machinery that would make it: nobody reads it inside wasm, and it is a
// quarter of the bytes. It needs a library built for it, and flags that are not stable yet.
const leanFlags = ["-Zunstable-options", "-Cpanic=immediate-abort", "-Zlocation-detail=none", "-Zfmt-debug=none"];
const unstable = { RUSTC_BOOTSTRAP: "1" };

// What the library of a kind (`stdFeatures`) is compiled with. Bitcode beside the objects: the crates are built with
// link-time optimisation, which reaches into the library.
function stdFlags(std) {
  return ["-C", `target-feature=${stdFeatures[std]}`, "-C", "embed-bitcode=yes", ...leanFlags];
}
const stdProfile = '[profile.release]\npanic = "abort"\nopt-level = "s"\n';
const stdBuild = ["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"];

/** The sysroot if it was made before by the rustc that is installed now, else undefined. */
export function readyDebianToolchain(std) {
  if (!packagesInstalled()) return undefined;
  const folder = sysrootFolder(std);
  const linker = readStamp(join(folder, "complete"));
  return linker && existsSync(linker) ? toolchainOf(folder, linker) : undefined;
}

/** Makes what is missing of the recipe; gives the toolchain. */
export async function debianToolchain(std) {
  const ready = readyDebianToolchain(std);
  if (ready) return ready;
  await lock();
  await installPackages();
  const linker = findRustLld() ?? findWasmLd() ?? (await installWasmLd());
  const folder = sysrootFolder(std);
  if (!existsSync(join(folder, "std-complete"))) await buildStandardLibrary(folder, linker, std);
  writeStamp(join(folder, "complete"), linker);
  return toolchainOf(folder, linker);
}

/** Debian's cargo, rustc and lints, for native builds and tests. Needs no wasm. */
export async function debianNative() {
  if (!packagesInstalled()) {
    await lock();
    await installPackages();
  }
  return native;
}

/** rustfmt and clippy of the same release as rustc-web: for CI and for who lints without rustup. */
export async function debianLints() {
  if (existsSync("/usr/bin/cargo-fmt") && existsSync("/usr/bin/cargo-clippy")) return;
  await lock();
  await aptInstall(["rustfmt-web", "rust-web-clippy"], "Debian's rustfmt and clippy", "15 s", elsewhere);
}

const native = {
  debian: true,
  cargo,
  // By their paths: a rustup on PATH would put its own in front.
  subcommands: { fmt: "/usr/bin/cargo-fmt", clippy: "/usr/bin/cargo-clippy" },
  get env() {
    return {
      ...process.env,
      PATH: `/usr/bin:${process.env.PATH}`,
      CARGO: cargo,
      RUSTC: rustc,
      RUSTDOC: "/usr/bin/rustdoc",
      RUSTFMT: "/usr/bin/rustfmt",
    };
  },
};

function toolchainOf(folder, linker) {
  return {
    name: `Debian's rustc with its own ${wasmTarget} library`,
    native,
    // cargo tells toolchains apart by their version alone, but objects made with one library do not link with another.
    id: createHash("sha256").update(folder).digest("hex").slice(0, 8),
    wasmPath: join(folder, "bin"),
    wasmFlags: ["-C", `linker=${linker}`, ...leanFlags],
    cargoArguments: [],
    cargoEnv: unstable,
  };
}

function packagesInstalled() {
  return existsSync(rustc) && existsSync(cargo) && existsSync(stdSource);
}

// Libraries of another rustc build are refused, so the folder's name holds all that tells builds apart.
function sysrootFolder(std) {
  const version = ask(rustc, ["-vV"]);
  if (!version) throw new SetUpError(`${rustc} does not run`);
  const { size, mtimeMs } = statSync(rustc);
  const key = createHash("sha256")
    .update(`${version}${size} ${mtimeMs} ${stdFlags(std)} ${stdBuild} ${stdProfile}`)
    .digest("hex")
    .slice(0, 12);
  const release = /release: (\S+)/.exec(version)?.[1] ?? "unknown";
  return join(cache, `debian-rust-${release}-${key}`);
}

async function installPackages() {
  if (!packagesInstalled())
    await aptInstall(packages, "Debian's rustc, cargo and the library's source", "1 min", elsewhere);
  const [, major, minor] = /release: (\d+)\.(\d+)/.exec(ask(rustc, ["-vV"]) ?? "") ?? [];
  const [wantedMajor, wantedMinor] = oldestRust();
  if (Number(major) > wantedMajor || (Number(major) === wantedMajor && Number(minor) >= wantedMinor)) return;
  throw new SetUpError(
    `${rustc} is ${major}.${minor}, but the crates need ${wantedMajor}.${wantedMinor} or newer.\n` +
      "  A newer rustc-web comes with Debian's security updates: is that part of this machine's apt sources?",
  );
}

function findRustLld() {
  const toolchains = join(process.env.RUSTUP_HOME || join(homedir(), ".rustup"), "toolchains");
  if (!existsSync(toolchains)) return undefined;
  for (const name of readdirSync(toolchains).sort().reverse()) {
    const libraries = join(toolchains, name, "lib", "rustlib");
    if (!existsSync(libraries)) continue;
    for (const host of readdirSync(libraries)) {
      const linker = join(libraries, host, "bin", "rust-lld");
      if (existsSync(linker) && linkerIsNewEnough(linker)) return linker;
    }
  }
  return undefined;
}

function findWasmLd() {
  if (!existsSync("/usr/lib")) return undefined;
  const versions = readdirSync("/usr/lib").map((name) => Number(/^llvm-(\d+)$/.exec(name)?.[1]));
  for (const version of versions.filter(Boolean).sort((a, b) => b - a)) {
    const linker = `/usr/lib/llvm-${version}/bin/wasm-ld`;
    if (existsSync(linker) && linkerIsNewEnough(linker)) return linker;
  }
  return undefined;
}

// An older lld does not know the features that today's rustc writes into its objects.
function linkerIsNewEnough(linker) {
  const [, version] = /LLD (\d+)/.exec(ask(linker, ["-flavor", "wasm", "--version"]) ?? "") ?? [];
  return Number(version) >= oldestLld;
}

async function installWasmLd() {
  const names = ask("apt-cache", ["search", "--names-only", "^lld-[0-9]+$"]) ?? "";
  const versions = [...names.matchAll(/^lld-(\d+) /gm)].map((match) => Number(match[1]));
  const newest = Math.max(...versions);
  if (!(newest >= oldestLld)) throw new SetUpError(`Debian's packages have no lld of ${oldestLld} or newer`);
  await aptInstall([`lld-${newest}`], "the linker for wasm", "20 s", elsewhere);
  const linker = findWasmLd();
  if (!linker) throw new SetUpError(`the package lld-${newest} brought no wasm-ld`);
  return linker;
}

async function buildStandardLibrary(folder, linker, std) {
  const done = announce(`building Rust's standard library for ${wasmTarget} (${std} memory), once`, "1 min");
  const build = `${folder}.build`;
  rmSync(build, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });

  // An empty crate is enough for cargo to build the whole library beneath it.
  mkdirSync(join(build, "src"), { recursive: true });
  writeFileSync(
    join(build, "Cargo.toml"),
    `[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2021"\n\n${stdProfile}`,
  );
  writeFileSync(join(build, "src", "lib.rs"), "#![no_std]\n");
  await run(cargo, ["build", "--release", "--target", wasmTarget, ...stdBuild], {
    cwd: build,
    env: {
      ...native.env,
      ...unstable,
      CARGO_TARGET_DIR: join(build, "target"),
      CARGO_ENCODED_RUSTFLAGS: [...stdFlags(std), "-C", `linker=${linker}`].join("\x1f"),
    },
  });

  const made = `${folder}.made`;
  rmSync(made, { recursive: true, force: true });
  const rustlib = join(made, "lib", "rustlib");
  const libraries = join(rustlib, wasmTarget, "lib");
  mkdirSync(libraries, { recursive: true });
  for (const name of readdirSync("/usr/lib/rustlib")) {
    if (name !== wasmTarget) symlinkSync(join("/usr/lib/rustlib", name), join(rustlib, name));
  }
  const built = join(build, "target", wasmTarget, "release", "deps");
  const rlibs = readdirSync(built).filter((name) => name.endsWith(".rlib") && !name.startsWith("libempty"));
  if (!rlibs.some((name) => name.startsWith("libstd-")))
    throw new SetUpError(`no standard library came out in ${built}`);
  for (const name of rlibs) copyFileSync(join(built, name), join(libraries, name));

  mkdirSync(join(made, "bin"));
  writeFileSync(join(made, "bin", "rustc"), `#!/bin/sh\nexec ${rustc} --sysroot "${folder}" "$@"\n`);
  chmodSync(join(made, "bin", "rustc"), 0o755);
  symlinkSync(cargo, join(made, "bin", "cargo"));
  writeStamp(join(made, "std-complete"), "yes");
  renameSync(made, folder);
  rmSync(build, { recursive: true, force: true });
  done();
}
