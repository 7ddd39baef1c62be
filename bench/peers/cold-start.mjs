// From the start of a process to the first result: each contestant in fresh processes, in turn, less what `node` itself
// takes to start and end.
import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BOUND } from "../check.mjs";
import { quartiles } from "../measure.mjs";
import { EPS } from "../state.mjs";

const script = fileURLToPath(new URL("cold.mjs", import.meta.url));

/** brain.js has another net. */
const UNLIKE = ["brain"];

/** `{ bare, times, unlike }`: statistics of `node -e 0`, and by contestant those of its processes less `bare`'s median. */
export async function coldStart(contestants, { data, states, folder, rounds }) {
  process.stderr.write(`  cold start, ${rounds} rounds ...\n`);
  await writeFiles(folder, data, states);
  const bare = [];
  const samples = Object.fromEntries(contestants.map(({ id }) => [id, []]));
  // The first processes read the files from the disk: untimed.
  for (let round = -1; round < rounds; round++) {
    const keep = (list, time) => round >= 0 && list.push(time);
    keep(bare, run(["-e", "0"]).time);
    const results = contestants.map(({ id }) => {
      const { time, stdout } = run([script, id, folder]);
      keep(samples[id], time);
      return { id, logits: JSON.parse(stdout) };
    });
    if (round < 0) compare(results);
  }
  const { median } = quartiles(bare);
  const times = Object.entries(samples).map(([id, list]) => [id, quartiles(list.map((time) => time - median))]);
  return { bare: quartiles(bare), times: Object.fromEntries(times), unlike: UNLIKE };
}

function run(args) {
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 60_000 });
  const time = performance.now() - started;
  if (status !== 0) throw new Error(`node ${args.join(" ")} failed: ${stderr}`);
  return { time, stdout };
}

function compare(results) {
  const [first, ...others] = results.filter(({ id }) => !UNLIKE.includes(id));
  const largest = Math.max(...first.logits.map(Math.abs));
  for (const { id, logits } of others) {
    const worst = Math.max(...first.logits.map((value, i) => Math.abs(value - logits[i])));
    if (!(worst / largest <= BOUND)) throw new Error(`cold start: ${id} and ${first.id} differ by ${worst / largest}`);
  }
}

async function writeFiles(folder, data, states) {
  await mkdir(folder, { recursive: true });
  const write = (name, content) => writeFile(join(folder, name), content);
  for (const [name, state] of Object.entries(states)) {
    const lengths = Object.fromEntries(Object.entries(state).map(([key, values]) => [key, values.length]));
    await write(`${name}.json`, JSON.stringify(lengths));
    await write(`${name}.bin`, Buffer.concat(Object.values(state).map(bytesOf)));
  }
  await write("x.bin", bytesOf(data.x.subarray(0, 784)));
  const { netModel } = await import("./contestants/onnx-model.mjs");
  await write("net.onnx", netModel(states.net, EPS));
}

function bytesOf(values) {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
