// Which versions the tests run on, from what is installed.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hostsDir } from "../../../scripts/setup/paths.mjs";

/** Of a package of the hosts, or of another folder's. */
export function versionOf(name, folder = hostsDir) {
  return JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf8")).version;
}

/** What a program says of itself. */
export function versionSaid(command) {
  const said = execFileSync(command, ["--version"], { encoding: "utf8" });
  return /\d+(\.[\w-]+)+/.exec(said)[0];
}
