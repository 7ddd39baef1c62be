// Debian packages, installed where a set-up needs them and they are not there.
import { existsSync } from "node:fs";
import { run, SetUpError } from "./run.mjs";
import { announce } from "./say.mjs";

export function onDebian() {
  return existsSync("/usr/bin/apt-get") && existsSync("/etc/debian_version");
}

/** Installs packages; where that cannot be done here, fails and says what to do. `elsewhere` is for who has no Debian. */
export async function aptInstall(names, what, about, elsewhere) {
  if (!onDebian()) throw new SetUpError(elsewhere);
  if (process.getuid?.() !== 0) {
    throw new SetUpError(
      `Debian packages are missing, and only root may install them. Run this, then try again:\n` +
        `  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${names.join(" ")}`,
    );
  }
  const done = announce(`installing ${what} (${names.join(" ")})`, about);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const wait = ["-o", "DPkg::Lock::Timeout=300"];
  await run("apt-get", [...wait, "update"], { env });
  await run("apt-get", [...wait, "install", "-y", "--no-install-recommends", ...names], { env });
  done();
}
