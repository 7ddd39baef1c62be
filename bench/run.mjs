// `npm run bench`: evenkeel against plain JavaScript written well. Checks that both compute the same numbers, times them
// in turn, prints a table, and writes out/bench/bench.json and out/bench/bench.md.
//
//   npm run bench -- --quick            fewer samples, for a first look or CI
//   npm run bench -- --only "batch 128"   the cases whose name matches a regular expression
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as baseline from "./baseline/contestant.mjs";
import { allCases, DIGITS, NOTES } from "./cases.mjs";
import { BOUND, can, check, numbers, trainedState } from "./check.mjs";
import { describe, FULL, measureInTurn, QUICK, timerOf, whatDisturbs } from "./measure.mjs";
import { digits } from "./mnist.mjs";
import { describeMachine, toMarkdown, writeReports } from "./report.mjs";

const { values: options } = parseArgs({
  options: { quick: { type: "boolean", default: false }, only: { type: "string", default: "" } },
});

process.exitCode = await main();

async function main() {
  const evenkeel = await import("./evenkeel.mjs");
  await evenkeel.start();
  const data = await digits(DIGITS);
  const state = evenkeel.initialState();
  const only = new RegExp(options.only);
  const chosen = allCases(data, state).filter(({ name }) => only.test(name));
  if (chosen.length === 0) {
    console.error(
      `No case matches ${only}. There are: ${allCases(data, state)
        .map(({ name }) => name)
        .join("; ")}.`,
    );
    return 2;
  }

  const states = { net: state, trained: await trainedState(evenkeel, data, state) };
  const contestants = [baseline, evenkeel].map((one) => ({
    label: one.label,
    can: (probe) => can(one, probe),
    numbers: (probe) => numbers(one, probe, { cases: chosen, data, states }),
  }));
  const checks = await check(contestants, chosen);
  const wrong = checks.filter(({ ok }) => !ok);
  for (const { name, difference } of wrong) {
    console.error(`DIFFERENT: ${name}, by ${difference.toExponential(1)} relative; allowed ${BOUND}`);
  }
  if (wrong.length > 0) {
    console.error("evenkeel and the baseline do not compute the same numbers, so nothing is timed.");
    return 1;
  }
  const worst = Math.max(...checks.map(({ difference }) => difference));
  console.error(
    `Same numbers: ${checks.length} comparisons, the largest difference ${worst.toExponential(1)} relative.`,
  );

  const warnings = whatDisturbs(0);
  for (const warning of warnings) console.error(`Warning: ${warning}; the times will be unsteady.`);
  const cases = [];
  for (const one of chosen) cases.push(await timeCase(one, evenkeel));
  for (const warning of whatDisturbs(1)) warnings.push(`at the end ${warning}`);

  const version = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8")).version;
  const machine = describeMachine(version);
  const result = {
    date: new Date().toISOString(),
    quick: options.quick,
    machine,
    warnings,
    checks,
    notes: NOTES,
    cases,
  };
  const markdown = toMarkdown(result);
  console.log(markdown);
  await writeReports(fileURLToPath(new URL("../out/bench", import.meta.url)), "bench", result, markdown);
  return 0;
}

async function timeCase({ name, group, flops, make }, evenkeel) {
  console.error(`  ${name} ...`);
  const ours = await make(evenkeel);
  const theirs = await make(baseline);
  const samples = await measureInTurn([theirs, ours].map(timerOf), options.quick ? QUICK : FULL);
  const [first, second] = samples.map(describe);
  ours.dispose?.();
  return {
    name,
    group,
    baseline: first,
    evenkeel: second,
    ratio: first.median / second.median,
    ratioOfFastest: first.fastest / second.fastest,
    gflops: flops ? flops / second.median / 1e6 : null,
    processorShare: Math.min(first.processorShare, second.processorShare),
  };
}
