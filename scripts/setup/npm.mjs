// npm packages: the repository's own, the other JavaScript hosts that the tests run on, the libraries that the
// benchmark compares with, and what builds the example for browsers.
import { join } from "node:path";
import { lock } from "./lock.mjs";
import { bundlersDir, hostsDir, newerNodeDir, pageDir, peersDir, root } from "./paths.mjs";
import { run } from "./run.mjs";
import { announce } from "./say.mjs";
import { hashOf, readStamp, writeStamp } from "./stamp.mjs";

export function npmPackages() {
  return install(root, "npm packages", "15 s");
}

export function newerNode() {
  return install(newerNodeDir, "the newer Node that the tests run on as well", "10 s");
}

/** Their binaries are inside the packages: 1.1 GB. */
export function testHosts() {
  return install(hostsDir, "the hosts that the tests run on, into test/runtimes/node_modules", "30 s");
}

/** Half a gigabyte; their binaries are inside the packages, so no scripts of theirs run. */
export function testBundlers() {
  return install(bundlersDir, "the bundlers that the tests use, into test/runtimes/bundlers/node_modules", "45 s", [
    "--ignore-scripts",
  ]);
}

/** Half a gigabyte, of which only JavaScript and WebAssembly are used: no scripts of theirs run. */
export function benchPeers() {
  return install(peersDir, "the libraries to compare with, into bench/peers/node_modules", "30 s", [
    "--ignore-scripts",
  ]);
}

/** Vite and a plot library; evenkeel itself is a link to the repository. */
export function browserExample() {
  return install(pageDir, "the packages of the page, into examples/browser/node_modules", "10 s", ["--ignore-scripts"]);
}

async function install(folder, what, about, more = []) {
  const files = [join(folder, "package-lock.json")];
  const stamp = join(folder, "node_modules", ".evenkeel-stamp");
  const isFresh = () => readStamp(stamp) === hashOf(files);
  if (isFresh()) return;
  await lock();
  if (isFresh()) return;
  const done = announce(`installing ${what}`, about);
  // `npm ci` takes exactly what the lock file says, and refuses one that package.json has outgrown.
  await run("npm", ["ci", "--no-audit", "--no-fund", ...more], { cwd: folder, env: plainEnvironment() });
  writeStamp(stamp, hashOf(files));
  done();
}

/** Inside `npm test` the outer npm's settings are in the environment, among them the folder that it works in. */
export function plainEnvironment() {
  const env = { ...process.env };
  delete env.npm_config_local_prefix;
  delete env.INIT_CWD;
  return env;
}
