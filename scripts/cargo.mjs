#!/usr/bin/env node
// cargo, of the toolchain that the set-up chose: `node scripts/cargo.mjs test --workspace`.
import { spawn } from "node:child_process";
import { unlock } from "./setup/lock.mjs";
import { root } from "./setup/paths.mjs";
import { SetUpError } from "./setup/run.mjs";
import { note } from "./setup/say.mjs";
import { nativeToolchain } from "./setup/toolchain.mjs";

const args = process.argv.slice(2);
const lints = args[0] === "fmt" || args[0] === "clippy";
let native;
try {
  native = await nativeToolchain({ lints });
} catch (error) {
  if (!(error instanceof SetUpError)) throw error;
  note(`FAILED: ${error.message}`);
  process.exit(1);
}
unlock();
// A subcommand that is a program of its own takes its own name as first argument, as from cargo.
const command = native.subcommands[args[0]] ?? native.cargo;
const child = spawn(command, args, { cwd: root, env: native.env, stdio: "inherit" });
child.on("error", (error) => {
  note(`FAILED: cannot run ${command}: ${error.message}`);
  process.exitCode = 1;
});
child.on("close", (code, signal) => {
  process.exitCode = signal ? 1 : code;
});
