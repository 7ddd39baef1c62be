#!/usr/bin/env node
// Does all set-up, each piece only if it is missing or stale: Rust for wasm, wasm-bindgen, wasm-pack, npm packages,
// the wasm, the npm package, and what tests and examples need beside it.
// `node scripts/setup.mjs [all | build | start | test | edge | hosts | bundlers | peers | browser | page]`; the cache is
// ~/.cache/evenkeel, or EVENKEEL_CACHE.
import { pathToFileURL } from "node:url";
import { testBrowsers } from "./setup/browsers.mjs";
import { unlock } from "./setup/lock.mjs";
import { benchPeers, browserExample, newerNode, testBundlers, testHosts } from "./setup/npm.mjs";
import { npmPackage } from "./setup/package.mjs";
import { SetUpError } from "./setup/run.mjs";
import { announcedCount, note } from "./setup/say.mjs";
import { nativeToolchain } from "./setup/toolchain.mjs";

// Only what a command needs: who has the built package needs no Rust to run the example.
const pieces = {
  build: [npmPackage],
  start: [npmPackage],
  test: [npmPackage, nativeToolchain, newerNode],
  edge: [npmPackage, newerNode, testHosts],
  hosts: [npmPackage, newerNode, testHosts, testBrowsers],
  bundlers: [npmPackage, newerNode, testHosts, testBrowsers, testBundlers],
  peers: [npmPackage, benchPeers],
  browser: [npmPackage, browserExample],
  page: [npmPackage, browserExample, testHosts, testBrowsers],
  all: [npmPackage, nativeToolchain, newerNode],
};

/** Sets up what the named command needs. Throws SetUpError, to be printed, when a step fails. */
export async function setUp(command = "all") {
  if (!Object.hasOwn(pieces, command)) {
    throw new SetUpError(`"${command}" is not one of ${Object.keys(pieces).join(", ")}`);
  }
  const [major] = process.versions.node.split(".");
  if (Number(major) < 20) throw new SetUpError(`Node 20 or newer is needed; this is ${process.version}`);
  try {
    for (const piece of pieces[command]) await piece();
  } finally {
    unlock();
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await setUp(process.argv[2]);
    if (announcedCount() > 0) note("all is ready");
    else if (!process.env.npm_lifecycle_event || process.env.npm_lifecycle_event === "setup") note("nothing to do");
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
    note(`FAILED: ${error.message}`);
    process.exitCode = 1;
  }
}
