/** The model that the edge examples serve, and the command that starts them. */
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { init } from "evenkeel";
import { afterAll, expect, it } from "vitest";
import { accuracyOf, hashOf, load, person, test } from "./support.js";

const { modelFile } = await load("edge/model.mjs");
const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "evenkeel-edge-"));
afterAll(() => rmSync(folder, { recursive: true }));

await init();
const common = new Uint8Array(readFileSync(modelFile));

const hosts = "test/runtimes/node_modules";
it.each([
  ["node", process.execPath, []],
  ["node 22", path("test/newer-node/node_modules/node22/bin/node"), []],
  ["node 24", path(`${hosts}/node24/bin/node`), []],
  ["deno", path(`${hosts}/@deno/linux-x64-glibc/deno`), ["run", "--allow-read", "--allow-write"]],
  ["bun", path(`${hosts}/bun/bin/bun.exe`), []],
])("train.mjs makes the same bytes in %s", async (host, program, args) => {
  const out = join(folder, host);
  await promisify(execFile)(program, [...args, path("examples/edge/train.mjs"), out]);
  const file = readFileSync(join(out, "digits.safetensors"));
  expect(hashOf(file)).toBe(hashOf(common));
  const module = await import(join(out, "digits.mjs"));
  expect(hashOf(module.default)).toBe(hashOf(common));
});

it("knows digits that it has not seen, but not those of somebody who writes them elsewhere", () => {
  expect(accuracyOf(common, test)).toBeGreaterThan(0.93);
  expect(accuracyOf(common, person.later)).toBeLessThan(0.5);
});

it("serve.mjs starts a host, and ends with it", async () => {
  const env = { ...process.env, PORT: "0" };
  const child = spawn(process.execPath, [path("examples/edge/serve.mjs"), "cloudflare"], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = new Promise((resolve) => child.once("close", resolve));
  const said = new Promise<string>((resolve) => child.stdout.once("data", (data) => resolve(String(data))));
  let url: string | undefined;
  try {
    const first = await Promise.race([said, closed.then(() => "it ended")]);
    url = /^cloudflare listens on (http:\S+)\n$/.exec(first)?.[1];
    expect((await fetch(url!)).status).toBe(200);
  } finally {
    child.kill();
    await closed;
  }
  await expect(fetch(url!)).rejects.toThrow("fetch failed");
});

it("serve.mjs says which hosts there are", async () => {
  const failed = promisify(execFile)(process.execPath, [path("examples/edge/serve.mjs"), "moon"]);
  await expect(failed).rejects.toMatchObject({
    code: 1,
    stderr: "Say which: node, deno, bun, cloudflare, vercel, wrangler.\n",
  });
});
