// `npm run bench:edge`: the edge examples, each in its host on loopback, under load of two connections. Says how many requests
// each answers, how long they take, and whether memory stays flat. Writes out/bench/edge.json and out/bench/edge.md, and, if
// it did all, the table in docs/edge.md.
//
//   npm run bench:edge -- --seconds 5        30 for /predict and 20 for /learn unless told otherwise, after at most 10 to warm up
//   npm run bench:edge -- --only "deno|bun"  the hosts whose name matches a regular expression
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadDigits } from "../examples/edge/digits.mjs";
import { hosts, startHost } from "../examples/edge/hosts.mjs";
import { makeModel } from "../examples/edge/model.mjs";
import { underLoad } from "./edge/load.mjs";
import { isFlat, toMarkdown, withTable } from "./edge/report.mjs";
import { whatDisturbs } from "./measure.mjs";
import { describeMachine, writeReports } from "./report.mjs";

const CONNECTIONS = 2;
/** In seconds: V8's heap takes some to reach its size. */
const WARM_UP = 10;

const { values: options } = parseArgs({
  options: { seconds: { type: "string" }, only: { type: "string", default: "" } },
});

process.exitCode = await main();

async function main() {
  const only = new RegExp(options.only);
  // wrangler is for development: what it starts is workerd.
  const chosen = hosts.filter((host) => host !== "wrangler" && only.test(host));
  if (chosen.length === 0) {
    console.error(`No host matches ${only}. There are: ${hosts.join(", ")}.`);
    return 2;
  }
  await makeModel();
  const { x, y } = (await loadDigits()).test;
  const routes = [
    { path: "/predict", body: { x: x.slice(0, 1) }, seconds: Number(options.seconds ?? 30) },
    {
      path: "/learn",
      body: { x: x.slice(0, 20), y: y.slice(0, 20), steps: 20 },
      seconds: Number(options.seconds ?? 20),
    },
  ];

  const warmUp = Math.min(WARM_UP, Number(options.seconds ?? WARM_UP));
  const warnings = whatDisturbs(0);
  for (const warning of warnings) console.error(`Warning: ${warning}; the times will be unsteady.`);
  const runs = [];
  for (const host of chosen) {
    for (const route of routes) {
      const server = await startHost(host);
      try {
        const run = { host, ...(await underLoad(server, route, { connections: CONNECTIONS, warmUp })) };
        console.error(`${host} ${route.path}: ${run.requestsPerSecond.toFixed(0)} requests/s`);
        runs.push(run);
      } finally {
        await server.stop();
      }
    }
  }
  const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
  const result = {
    date: new Date().toISOString(),
    machine: describeMachine(version),
    connections: CONNECTIONS,
    warmUp,
    warnings,
    runs,
  };
  const markdown = toMarkdown(result);
  console.log(markdown);
  await writeReports(fileURLToPath(new URL("../out/bench", import.meta.url)), "edge", result, markdown);
  if (options.seconds === undefined && options.only === "") {
    const document = new URL("../docs/edge.md", import.meta.url);
    await writeFile(document, withTable(await readFile(document, "utf8"), markdown));
  }
  const bad = runs.filter((run) => run.failed > 0 || !isFlat(run));
  for (const { host, path, failed } of bad) {
    console.error(
      `${host} ${path}: ${failed > 0 ? `${failed} requests failed` : "the core's memory did not stay as it was"}`,
    );
  }
  return bad.length > 0 ? 1 : 0;
}
