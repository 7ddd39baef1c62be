/** `npm run bench:edge`, briefly and on one host, and its report on made-up results. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const { growthOf, isFlat, toMarkdown, withTable } = await import(
  new URL("../../bench/edge/report.mjs", import.meta.url).href
);

it("measures a host and writes what it measured", async () => {
  const document = readFileSync("docs/edge.md", "utf8");
  const args = ["bench/edge.mjs", "--seconds", "1", "--only", "^node$"];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { runs, connections } = JSON.parse(readFileSync("out/bench/edge.json", "utf8"));
  expect(connections).toBe(2);
  expect(runs.map(({ host, path, failed }: Record<string, unknown>) => [host, path, failed])).toEqual([
    ["node", "/predict", 0],
    ["node", "/learn", 0],
  ]);
  for (const run of runs) {
    expect(run.requests).toBeGreaterThan(10);
    expect(run.p99).toBeGreaterThan(run.median);
    expect(run.resident.length).toBeGreaterThan(3);
    expect(Math.min(...run.resident)).toBeGreaterThan(10e6);
    expect(run.core[1]).toEqual(run.core[0]);
  }
  expect(stdout).toBe(`${readFileSync("out/bench/edge.md", "utf8")}\n`);
  // Only a whole run is worth keeping.
  expect(readFileSync("docs/edge.md", "utf8")).toBe(document);
}, 60_000);

it("says which hosts there are", async () => {
  const failed = promisify(execFile)(process.execPath, ["bench/edge.mjs", "--only", "moon"]);
  await expect(failed).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^No host matches .*deno, bun/),
  });
});

const core = { live: 1, pooled: 2, wasm: 3 };
const run = {
  host: "somewhere",
  path: "/predict",
  seconds: 30,
  requestsPerSecond: 1234.5,
  failed: 0,
  median: 0.5,
  p99: 1.25,
  started: 50e6,
  // Grows at first, then by a fiftieth around its mean.
  resident: [80e6, 90e6, 99e6, 99e6, 100e6, 101e6],
  core: [core, core],
};

it("tells what grows from what does not", () => {
  expect(growthOf(run)).toBeCloseTo(0.02, 10);
  expect(growthOf({ resident: [1, 9, 5, 5, 5] })).toBe(0);
  expect(isFlat(run)).toBe(true);
  expect(isFlat({ core: [core, { ...core, wasm: 4 }] })).toBe(false);
});

it("makes a table", () => {
  const machine = { cpu: "a processor", cores: 2, node: "20.0.0" };
  const grown = { ...run, path: "/learn", seconds: 10, failed: 7, core: [core, { ...core, live: 2 }] };
  const result = {
    date: "2030-01-02T03:04:05Z",
    machine,
    connections: 2,
    warmUp: 3,
    warnings: ["busy"],
    runs: [run, grown],
  };
  expect(toMarkdown(result)).toMatchInlineSnapshot(`
    "2030-01-02, a processor, 2 cores, of which autocannon takes its share; Node 20.0.0.
    2 connections on loopback, 30 s of \`/predict\` and 10 s of \`/learn\`,
    after 3 s to warm up.

    Warning: busy.

    | host      | route      | requests/s |  median |     p99 | failed | started |    warm |      end | growth |    core |
    | :-------- | :--------- | ---------: | ------: | ------: | -----: | ------: | ------: | -------: | -----: | ------: |
    | somewhere | \`/predict\` |      1,235 | 0.50 ms | 1.25 ms |      0 | 50.0 MB | 80.0 MB | 101.0 MB |  2.0 % |    same |
    | somewhere | \`/learn\`   |      1,235 | 0.50 ms | 1.25 ms |      7 | 50.0 MB | 80.0 MB | 101.0 MB |  2.0 % | CHANGED |

    Started, warm, end: resident memory of the process that answers, right after its start, after the warm-up and at the end.
    Growth: that of the second half, by a line through its samples. Core: what the core holds (tensors, pooled buffers, its whole
    memory) before and after, compared to the byte.
    "
  `);
});

it("puts a table in the place of an old one", () => {
  const document = (table: string) => `a\n<!-- load -->\n${table}<!-- end of load -->\nb\n`;
  const once = withTable(document(""), "new\n");
  expect(once).toBe(document("\nnew\n\n"));
  expect(withTable(document("old\n"), "new\n")).toBe(once);
  expect(readFileSync("docs/edge.md", "utf8")).toMatch(/^<!-- load -->\n(.*\n)*?^<!-- end of load -->\n/m);
});
