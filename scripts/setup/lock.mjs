// Two set-ups at once would write the same files. The second waits for the first, unless the first has died.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cache } from "./paths.mjs";
import { note } from "./say.mjs";

const lockDir = join(cache, "setup.lock");
let held = false;

/** Takes the lock, once for this process; it is given back when the process ends or by `unlock`. */
export async function lock() {
  if (held) return;
  mkdirSync(cache, { recursive: true });
  let told = false;
  while (!take()) {
    const owner = ownerPid();
    if (ownerIsGone(owner)) {
      rmSync(lockDir, { recursive: true, force: true });
      continue;
    }
    if (!told) note(`another set-up is running${owner ? ` (process ${owner})` : ""}: waiting for it`);
    told = true;
    await sleep(500);
  }
  held = true;
}

export function unlock() {
  if (!held) return;
  held = false;
  rmSync(lockDir, { recursive: true, force: true });
}

process.on("exit", unlock);
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
]) {
  process.on(signal, () => process.exit(code));
}

function take() {
  try {
    mkdirSync(lockDir);
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
  writeFileSync(join(lockDir, "pid"), String(process.pid));
  return true;
}

function ownerPid() {
  try {
    return Number(readFileSync(join(lockDir, "pid"), "utf8")) || undefined;
  } catch {
    return undefined;
  }
}

function ownerIsGone(pid) {
  if (pid === undefined) {
    // Made a moment ago and not yet signed, or given back between two looks; old and unsigned means a crash.
    const made = statSync(lockDir, { throwIfNoEntry: false })?.mtimeMs;
    return made !== undefined && Date.now() - made > 10_000;
  }
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}
