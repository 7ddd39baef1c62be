// `npm run bench`: evenkeel against plain JavaScript written well. Checks that both compute the same numbers, times them
// in turn, prints a table, and writes out/bench/bench.json and out/bench/bench.md.
//
//   npm run bench -- --quick            fewer samples, for a first look or CI
//   npm run bench -- --only "batch 128"   the cases whose name matches a regular expression
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as baseline from "./baseline/contestant.mjs";
import { allCases, NOTES } from "./cases.mjs";
import { BOUND, check } from "./check.mjs";
import { FULL, measureInTurn, QUICK, whatDisturbs } from "./measure.mjs";
import { digits } from "./mnist.mjs";
import { describeMachine, toMarkdown, writeReports } from "./report.mjs";

// Enough different batches of 1024, see cases.mjs; a small part of MNIST starts faster.
const DIGITS = 8192;

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

  const checks = check(baseline, evenkeel, new Set(chosen.map(({ group }) => group)), data, state);
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

  const warnings = whatDisturbs();
  for (const warning of warnings) console.error(`Warning: ${warning}; the times will be unsteady.`);
  const cases = chosen.map((one) => timeCase(one, evenkeel));
  for (const warning of whatDisturbs()) warnings.push(`at the end ${warning}`);

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
  await writeReports(fileURLToPath(new URL("../out/bench", import.meta.url)), result, markdown);
  return 0;
}

function timeCase({ name, group, flops, make }, evenkeel) {
  console.error(`  ${name} ...`);
  const ours = make(evenkeel);
  const theirs = make(baseline);
  const { first, second, processorShare } = measureInTurn(theirs, ours, options.quick ? QUICK : FULL);
  ours.dispose?.();
  return {
    name,
    group,
    baseline: first,
    evenkeel: second,
    ratio: first.median / second.median,
    ratioOfFastest: first.fastest / second.fastest,
    gflops: flops ? flops / second.median / 1e6 : null,
    processorShare,
  };
}
