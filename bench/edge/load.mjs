// Load on a server of the edge examples, by autocannon, and what becomes of the server's memory meanwhile.
import { readFile } from "node:fs/promises";
import { quantileSorted } from "simple-statistics";
import { requireHost } from "../../examples/edge/hosts.mjs";

const autocannon = requireHost("autocannon");
const SAMPLE_EVERY = 250;

/**
 * Posts the same body over some connections, each sending when it has its answer, after a warm-up. Gives requests a second,
 * times in ms, what failed, resident memory of the process in bytes, sampled meanwhile, and the core's own before and after.
 */
export async function underLoad({ url, pid }, { path, body, seconds }, { connections, warmUp }) {
  const request = {
    url: `${url}${path}`,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    connections,
  };
  const started = await residentOf(pid);
  await autocannon({ ...request, duration: warmUp });
  const coreBefore = await coreMemory(url);
  const resident = [await residentOf(pid)];
  const sampling = setInterval(async () => resident.push(await residentOf(pid)), SAMPLE_EVERY);
  const times = [];
  const run = autocannon({ ...request, duration: seconds });
  // autocannon's own times are whole milliseconds.
  run.on("response", (_client, _status, _bytes, time) => times.push(time));
  const result = await run;
  clearInterval(sampling);
  resident.push(await residentOf(pid));
  const sorted = Float64Array.from(times).sort();
  return {
    path,
    seconds: result.duration,
    requests: result["2xx"],
    requestsPerSecond: result["2xx"] / result.duration,
    failed: result.errors + result.timeouts + result.non2xx,
    median: quantileSorted(sorted, 0.5),
    p99: quantileSorted(sorted, 0.99),
    started,
    resident,
    core: [coreBefore, await coreMemory(url)],
  };
}

async function coreMemory(url) {
  return (await (await fetch(url)).json()).memory;
}

/** From Linux, in bytes. */
async function residentOf(pid) {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"));
  return 1024 * Number(kilobytes);
}
