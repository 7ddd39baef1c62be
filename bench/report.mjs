// The benchmark's results as a Markdown table for people and as JSON for programs.
import { mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { markdownTable } from "markdown-table";
import { ENOUGH_PROCESSOR } from "./measure.mjs";

const COLUMNS = ["case", "baseline", "quartiles", "evenkeel", "quartiles", "ratio", "of fastest", "GFLOP/s"];

export function toMarkdown({ machine, cases, notes, warnings }) {
  const rows = cases.map(({ name, baseline, evenkeel, ratio, ratioOfFastest, gflops, processorShare }) => [
    processorShare < ENOUGH_PROCESSOR ? `${name} (!)` : name,
    time(baseline.median),
    quartiles(baseline),
    time(evenkeel.median),
    quartiles(evenkeel),
    factor(ratio),
    factor(ratioOfFastest),
    gflops === null ? "" : gflops.toFixed(1),
  ]);
  const align = ["l", ...COLUMNS.slice(1).map(() => "r")];
  const starved = cases.some((one) => one.processorShare < ENOUGH_PROCESSOR);
  const lines = [
    machineLine(machine),
    "",
    markdownTable([COLUMNS, ...rows], { align }),
    "",
    "Medians; ratio: baseline's time / evenkeel's, of the medians and of the fastest samples, which other work on the",
    "machine disturbs least; GFLOP/s: evenkeel's, by the median. The baseline is plain JavaScript (bench/baseline.mjs).",
    ...notes,
    ...(starved
      ? [
          `(!) Other work took the processor for more than ${percent(1 - ENOUGH_PROCESSOR)} of the time of some samples.`,
        ]
      : []),
    ...warnings.map((warning) => `Warning: ${warning}.`),
  ];
  return `${lines.join("\n")}\n`;
}

/** `name`.json and `name`.md. */
export async function writeReports(folder, name, result, markdown) {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  await writeFile(join(folder, `${name}.md`), markdown);
}

export function describeMachine(version) {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown processor",
    cores: all.length,
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    v8: process.versions.v8,
    evenkeel: version,
  };
}

export function machineLine({ cpu, cores, node, evenkeel }) {
  return `${cpu}, ${cores} cores, Node ${node}, evenkeel ${evenkeel}, one thread each`;
}

export function time(ms) {
  if (ms < 0.001) return `${(ms * 1e6).toFixed(0)} ns`;
  if (ms < 0.01) return `${(ms * 1000).toFixed(2)} us`;
  if (ms < 1) return `${(ms * 1000).toFixed(1)} us`;
  return `${ms.toFixed(ms < 100 ? 2 : 0)} ms`;
}

export function quartiles({ lower, median, upper }) {
  const from = percent((lower - median) / median);
  return `${from} +${percent((upper - median) / median)}`;
}

export function percent(part) {
  return `${(100 * part).toFixed(0)} %`;
}

export function factor(value) {
  return `${value.toFixed(value < 10 ? 2 : 1)}x`;
}
