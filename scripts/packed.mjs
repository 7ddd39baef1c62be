// The package as `npm publish` would send it, installed where nothing else is: for checks that see what users get.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { plainEnvironment } from "./setup/npm.mjs";
import { root } from "./setup/paths.mjs";

/** Packs into a folder; gives npm's report of it and the tarball. */
export function packInto(folder) {
  const packed = runPlain("npm", ["pack", "--json", "--pack-destination", folder], root);
  const [report] = Object.values(JSON.parse(packed));
  return { report, tarball: join(folder, report.filename) };
}

/** Makes an empty project in a folder that has the tarball, and nothing else, installed; gives its path. */
export function installInto(folder, tarball) {
  const project = join(folder, "project");
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), '{ "name": "stranger", "private": true }\n');
  runPlain("npm", ["install", "--no-audit", "--no-fund", "--offline", tarball], project);
  return project;
}

/** Runs a command as if no npm stood around it; gives what it printed. */
export function runPlain(command, args, cwd) {
  return execFileSync(command, args, {
    cwd,
    env: plainEnvironment(),
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
}
