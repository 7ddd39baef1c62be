// `npm run bench:limits`: how far the kernels are from what the machine can do. Limits and kernels are measured in turn in
// one process; each kernel's ratio to its limit is taken round by round. Writes out/bench/limits.json and limits.md.
//
//   npm run bench:limits -- --quick            fewer rounds
//   npm run bench:limits -- --only "batch norm"  the groups whose name matches a regular expression
//   npm run bench:limits -- --step-profile     where the time of a training step goes
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { benchKernels } from "../scripts/setup/bench.mjs";
import { groups } from "./limits/cases.mjs";
import { profile } from "./limits/profile.mjs";
import { measureRounds } from "./limits/rounds.mjs";
import { table } from "./limits/table.mjs";
import { whatDisturbs } from "./measure.mjs";
import { describeMachine, writeReports } from "./report.mjs";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    "step-profile": { type: "boolean", default: false },
  },
});

const folder = await benchKernels();
const kernels = await import(pathToFileURL(join(folder, "kernels.js")).href);
kernels.initSync({ module: new WebAssembly.Module(await readFile(join(folder, "kernels.wasm"))) });

const warnings = whatDisturbs(0);
for (const warning of warnings) console.error(`Warning: ${warning}; the times will be unsteady.`);
const rounds = options.quick ? 9 : 41;
const name = options["step-profile"] ? "step-profile" : "limits";
const results = options["step-profile"] ? await profile(kernels, rounds) : await limits();
const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
const machine = describeMachine(version);
const markdown = `${machine.cpu}, Node ${machine.node}, evenkeel ${version}\n\n${table(results)}`;
console.log(markdown);
const result = { date: new Date().toISOString(), machine, warnings, results };
await writeReports(fileURLToPath(new URL("../out/bench", import.meta.url)), name, result, markdown);

async function limits() {
  const only = new RegExp(options.only);
  const all = [];
  for (const group of groups(kernels)) {
    if (!only.test(group.name)) continue;
    console.error(`  ${group.name} ...`);
    all.push(...(await measureRounds(group, rounds)));
  }
  return all;
}
