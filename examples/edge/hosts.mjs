// The servers of the edge examples, each in the real host: how to start one, and how to stop it. The hosts are npm packages
// in test/runtimes, which `npm run setup edge` installs.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const packages = new URL("../../test/runtimes/", import.meta.url);
const installed = (path) => fileURLToPath(new URL(`node_modules/${path}`, packages));
const script = (host) => fileURLToPath(new URL(`../edge-${host}/serve.mjs`, import.meta.url));

/** Of a package that is only in test/runtimes. */
export const requireHost = createRequire(new URL("package.json", packages));

/** How each is started. */
const commands = {
  node: [process.execPath, script("node")],
  deno: [
    installed("@deno/linux-x64-glibc/deno"),
    ...["run", "--allow-net=127.0.0.1", "--allow-read", "--allow-env=PORT", script("deno")],
  ],
  bun: [installed("bun/bin/bun.exe"), script("bun")],
  cloudflare: [process.execPath, script("cloudflare")],
  vercel: [process.execPath, script("vercel")],
  // The same worker as cloudflare, as one develops it.
  wrangler: [
    process.execPath,
    installed("wrangler/bin/wrangler.js"),
    ...["dev", "--config", fileURLToPath(new URL("../edge-cloudflare/wrangler.jsonc", import.meta.url))],
    ...["--ip", "127.0.0.1", "--show-interactive-dev-session=false"],
  ],
};
const quiet = { NO_COLOR: "1", WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false" };

/** Their names. */
export const hosts = Object.keys(commands);

/**
 * Starts one on a free port, or on the one given: `{ host, url, pid, stop }`. `pid` is the process that answers.
 */
export async function startHost(host, { port = 0 } = {}) {
  const [program, ...args] = commands[host];
  if (!existsSync(program)) throw new Error(`${program} is missing: run \`npm run setup edge\``);
  const env = { ...process.env, ...(host === "wrangler" && quiet), PORT: String(port) };
  if (host === "wrangler") args.push("--port", String(port));
  // A group of its own: what it starts in turn ends with it.
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "inherit"], detached: true });
  const ended = new Promise((resolve) => child.once("exit", resolve).once("error", resolve));
  const lines = createInterface({ input: child.stdout });
  let late;
  const started = new Promise((resolve, reject) => {
    late = setTimeout(() => reject(new Error(`${host} does not listen after a minute`)), 60_000);
    lines.on("line", (line) => {
      const [, url, pid] = /(?:listening|Ready) on (http:\S+?)\/?(?: by process (\d+))?$/.exec(line) ?? [];
      if (url !== undefined) resolve({ url, pid: Number(pid ?? child.pid) });
    });
    child.once("error", reject);
    ended.then(() => reject(new Error(`${host} ended with ${child.exitCode ?? child.signalCode} before it listened`)));
  });
  const signal = (name) => {
    try {
      process.kill(-child.pid, name);
    } catch {
      // Nobody is left.
    }
  };
  const kill = () => signal("SIGKILL");
  process.once("exit", kill);
  const stop = async () => {
    signal("SIGTERM");
    const force = setTimeout(kill, 5000);
    await ended;
    clearTimeout(force);
    kill();
    process.off("exit", kill);
  };
  try {
    return { host, ...(await started), stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(late);
  }
}
