// `npm run bench:peers`: evenkeel beside the other libraries of JavaScript that do the same. Checks that all compute the same
// numbers, times them in turn, and writes docs/benchmarks.md, .json and .svg.
//
//   npm run bench:peers -- --quick              fewer samples, for a first look
//   npm run bench:peers -- --only "batch 128"   the cases whose name matches a regular expression
//   npm run bench:peers -- --node <binary>      runs all of it by another Node
//   npm run bench:peers -- --out <path>         elsewhere than docs/benchmarks; the ending is added
//   npm run bench:peers -- --sessions 1         all in new processes so many times, instead of 3
//   npm run bench:peers -- --no-write           only prints
//   npm run bench:peers -- --no-variants        without evenkeel's own variants
//
// With --quick or --only the files go to out/bench, as docs/ holds only whole measurements.
import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { DIGITS } from "../cases.mjs";
import { BOUND, check, thoseWhoCan, trainedState } from "../check.mjs";
import { describe, FULL, measureInTurn, QUICK, whatDisturbs } from "../measure.mjs";
import { digits } from "../mnist.mjs";
import { describeMachine } from "../report.mjs";
import { peerCases, plainState } from "./cases.mjs";
import { coldStart } from "./cold-start.mjs";
import { CONTESTANTS, VARIANTS } from "./contestants.mjs";
import { startAll } from "./participant.mjs";
import { toSvg } from "./plot.mjs";
import { toMarkdown } from "./report.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const COLD = "cold start, inference of 1 row";

// Of three: where a process's memory lies makes it a little faster or slower for its whole life.
const SESSION = { ...FULL, rounds: 15, fewest: 4, budget: 1500 };

const flag = { type: "boolean", default: false };
const { values: options } = parseArgs({
  options: {
    quick: flag,
    only: { type: "string", default: "" },
    node: { type: "string" },
    out: { type: "string" },
    sessions: { type: "string" },
    "no-write": flag,
    "no-variants": flag,
  },
});

process.exitCode = options.node ? again(options.node) : await main();

/** The same command by another Node. */
function again(binary) {
  const at = process.argv.findIndex((argument) => argument === "--node" || argument.startsWith("--node="));
  const rest = process.argv.toSpliced(at, process.argv[at] === "--node" ? 2 : 1).slice(1);
  const { status, error } = spawnSync(resolve(binary), rest, { stdio: "inherit" });
  if (error) console.error(`Cannot run ${binary}: ${error.message}`);
  return status ?? 1;
}

async function main() {
  const only = new RegExp(options.only);
  const evenkeel = await import("../evenkeel.mjs");
  await evenkeel.start();
  const data = await digits(DIGITS);
  const net = evenkeel.initialState();
  const states = { net, plain: plainState(), trained: await trainedState(evenkeel, data, net) };
  const all = peerCases(data, states);
  const chosen = all.filter(({ name }) => only.test(name));
  if (chosen.length === 0 && !only.test(COLD)) {
    console.error(`No case matches ${only}. There are: ${[...all.map(({ name }) => name), COLD].join("; ")}.`);
    return 2;
  }

  const entries = [...CONTESTANTS, ...(options["no-variants"] ? [] : VARIANTS)];
  const warnings = whatDisturbs(0);
  for (const warning of warnings) console.error(`Warning: ${warning}; the times will be unsteady.`);
  const sessions = Number(options.sessions ?? (options.quick ? 1 : 3));
  const found = [];
  for (let session = 1; session <= sessions; session++) {
    console.error(`Session ${session} of ${sessions}`);
    const result = await inSession(entries, states, chosen, session === 1);
    if (!result) return 1;
    found.push(result);
  }
  const [{ missing, contestants, checks }] = found;
  const cases = chosen.map((one) => merge(one, found));
  if (only.test(COLD)) {
    const folder = resolve(root, "out/bench/cold");
    const starters = contestants.filter(({ variant }) => !variant);
    const cold = await coldStart(starters, { data, states, folder, rounds: options.quick ? 5 : 21 });
    cases.push({ name: COLD, group: "cold", flops: null, ...cold });
  }
  for (const warning of whatDisturbs(1)) warnings.push(`at the end ${warning}`);
  const machine = describeMachine(contestants.find(({ id }) => id === "evenkeel").version);
  const date = new Date().toISOString();
  await report({ date, quick: options.quick, sessions, machine, contestants, missing, warnings, checks, cases });
  return 0;
}

/** Starts all, checks them if asked to, times the cases. Nothing if they do not compute the same numbers. */
async function inSession(entries, states, chosen, checking) {
  const { participants, missing } = await startAll(entries, states);
  try {
    if (checking) for (const { label, reason } of missing) console.error(`Not available here: ${label}: ${reason}`);
    const checks = checking ? await check(participants.toSorted(plainFirst), chosen) : [];
    if (!agree(checks)) return undefined;
    const timed = [];
    for (const one of chosen) timed.push(await timeCase(one, participants));
    const contestants = participants.map(({ id, label, version, peer, variant, options: own }) => {
      return { id, label, version, peer, variant, options: own };
    });
    return { missing, contestants, checks, timed };
  } finally {
    for (const participant of participants) participant.close();
  }
}

// The baseline, which sums in doubles, tells what is right.
function plainFirst(a, b) {
  return Number(b.id === "plain") - Number(a.id === "plain");
}

function agree(checks) {
  const wrong = checks.filter(({ ok }) => !ok);
  for (const { contestant, name, difference } of wrong) {
    console.error(`DIFFERENT: ${contestant}: ${name}, by ${difference.toExponential(1)} relative; allowed ${BOUND}`);
  }
  if (wrong.length > 0) console.error("They do not compute the same numbers, so nothing is timed.");
  else if (checks.length > 0) console.error(`Same numbers: ${checks.length} comparisons.`);
  return wrong.length === 0;
}

async function timeCase({ name, kind, trains }, participants) {
  console.error(`  ${name} ...`);
  const able = await thoseWhoCan(participants, { kind, trains });
  for (const participant of able) await participant.make(name);
  const samples = await measureInTurn(able, options.quick ? QUICK : SESSION);
  for (const participant of able) await participant.end();
  return { name, samples: Object.fromEntries(able.map(({ id }, i) => [id, samples[i]])) };
}

/** The samples of all sessions together. */
function merge({ name, group, flops = null }, found) {
  const parts = found.map(({ timed }) => timed.find((one) => one.name === name));
  const ids = Object.keys(parts[0].samples);
  const times = ids.map((id) => [id, describe(parts.flatMap(({ samples }) => samples[id] ?? []))]);
  return { name, group, flops, times: Object.fromEntries(times) };
}

async function report(result) {
  const whole = !options.quick && options.only === "";
  const out = resolve(options.out ?? resolve(root, whole ? "docs/benchmarks" : "out/bench/peers"));
  const markdown = toMarkdown(result, `${basename(out)}.svg`);
  console.log(markdown);
  if (options["no-write"]) return;
  await mkdir(dirname(out), { recursive: true });
  await writeFile(`${out}.md`, markdown);
  await writeFile(`${out}.json`, `${JSON.stringify(result, null, 2)}\n`);
  await writeFile(`${out}.svg`, toSvg(result.cases, result.contestants));
  console.error(`Written: ${out}.md, .json and .svg`);
}
