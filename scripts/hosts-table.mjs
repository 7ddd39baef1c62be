#!/usr/bin/env node
// The README's table of hosts, from docs/runtimes.json, which the tests on hosts and by bundlers write when asked
// (EVENKEEL_WRITE_HOSTS=1). `node scripts/hosts-table.mjs` puts it in place; with --check it fails if another stands there.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { markdownTable } from "markdown-table";
import { root } from "./setup/paths.mjs";

const readme = join(root, "README.md");
const results = join(root, "docs", "runtimes.json");
const [begin, end] = ["<!-- hosts: by scripts/hosts-table.mjs -->\n\n", "\n\n<!-- end of hosts -->"];

const read = (path) => JSON.parse(readFileSync(path, "utf8"));

/** Puts the table in place; gives whether that changed anything. */
export function writeTable() {
  const { before, after } = tables();
  if (before !== after) writeFileSync(readme, after);
  return before !== after;
}

/** Replaces the results of one suite ("hosts" or "bundlers"). */
export function writeResults(suite, rows) {
  writeFileSync(results, `${JSON.stringify({ ...read(results), [suite]: rows }, null, 2)}\n`);
}

function tables() {
  const before = readFileSync(readme, "utf8");
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md has no place for the table: ${begin.trim()}`);
  const after = before.slice(0, from) + begin + table() + before.slice(to);
  return { before, after };
}

function table() {
  const { hosts, bundlers } = read(results);
  const { weights } = read(join(root, "test", "same_bits.json")).digits;
  const rows = [...hosts, ...bundlers].map((row) => [
    `${row.host} ${row.version}`,
    row.how,
    row.weights === weights ? "yes" : "no",
    typeof row.threads === "number" ? "yes" : "no",
    row.relaxed === true ? "yes" : "no",
  ]);
  const head = ["host", "how", "same bits", "threads", '`math: "relaxed"`'];
  return markdownTable([head, ...rows], { align: ["l", "l", "c", "c", "c"] });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { before, after } = tables();
  if (!process.argv.includes("--check")) writeTable();
  else if (before !== after) {
    console.error("README.md's table of hosts is not that of docs/runtimes.json: node scripts/hosts-table.mjs");
    process.exitCode = 1;
  }
}
