// The load on the edge examples as a table.
import { markdownTable } from "markdown-table";
import { linearRegression, mean } from "simple-statistics";

const COLUMNS = ["host", "route", "requests/s", "median", "p99", "failed", "started", "warm", "end", "growth", "core"];

/** Whether the core holds to the byte what it held before. */
export function isFlat({ core: [before, after] }) {
  return Object.keys(before).every((key) => before[key] === after[key]);
}

/** By what share of itself the process's resident memory grew in the second half, by a line through its samples. */
export function growthOf({ resident }) {
  const half = resident.slice(Math.floor(resident.length / 2));
  const { m } = linearRegression(half.map((bytes, i) => [i, bytes]));
  return (m * (half.length - 1)) / mean(half);
}

export function toMarkdown({ date, machine, connections, warmUp, warnings, runs }) {
  const rows = runs.map((run) => [
    run.host,
    `\`${run.path}\``,
    Math.round(run.requestsPerSecond).toLocaleString("en"),
    `${run.median.toFixed(2)} ms`,
    `${run.p99.toFixed(2)} ms`,
    run.failed,
    ...[run.started, run.resident[0], run.resident.at(-1)].map(megabytes),
    `${(100 * growthOf(run)).toFixed(1)} %`,
    isFlat(run) ? "same" : "CHANGED",
  ]);
  const align = ["l", "l", ...COLUMNS.slice(2).map(() => "r")];
  const durations = [...new Map(runs.map(({ path, seconds }) => [path, Math.round(seconds)]))];
  return [
    `${date.slice(0, 10)}, ${machine.cpu}, ${machine.cores} cores, of which autocannon takes its share; Node ${machine.node}.`,
    `${connections} connections on loopback, ${durations.map(([path, seconds]) => `${seconds} s of \`${path}\``).join(" and ")},`,
    `after ${warmUp} s to warm up.`,
    "",
    ...warnings.map((warning) => `Warning: ${warning}.\n`),
    markdownTable([COLUMNS, ...rows], { align }),
    "",
    "Started, warm, end: resident memory of the process that answers, right after its start, after the warm-up and at the end.",
    "Growth: that of the second half, by a line through its samples. Core: what the core holds (tensors, pooled buffers, its whole",
    "memory) before and after, compared to the byte.",
    "",
  ].join("\n");
}

/** A document with the table between its marks. */
export function withTable(document, markdown) {
  const [before, rest] = document.split(/(?<=<!-- load -->\n)/);
  return `${before}\n${markdown}\n${rest.slice(rest.indexOf("<!-- end of load -->"))}`;
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
