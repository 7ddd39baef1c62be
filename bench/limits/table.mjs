// Results of the limits benchmark as a Markdown table.
import { markdownTable } from "markdown-table";
import { time } from "../report.mjs";

export function table(results) {
  const rows = results.map(({ group, name, median, per, limit, ratio, ratioOfFastest, target, least, ok, share }) => [
    group,
    name,
    time(median),
    per ? (per / median / 1e6).toFixed(1) : "",
    limit ?? "",
    ratio === undefined ? "" : ratio.toFixed(2),
    ratio === undefined ? "" : ratioOfFastest.toFixed(2),
    target === undefined ? "" : `${least ? "≥" : "≤"} ${target}`,
    share ?? (ok === undefined ? "" : ok ? "ok" : "short"),
  ]);
  const head = ["group", "case", "time", "GFLOP/s", "limit", "ratio", "of fastest", "target", ""];
  return `${markdownTable([head, ...rows], { align: ["l", "l", "r", "r", "l", "r", "r", "r", "l"] })}\n`;
}
