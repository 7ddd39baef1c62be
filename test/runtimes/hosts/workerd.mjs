// Cloudflare's workerd: by itself with the files of the package as its modules, and with what wrangler bundles, through
// miniflare.
import { execFile, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Miniflare } from "miniflare";
import { hostsDir } from "../../../scripts/setup/paths.mjs";
import { versionOf } from "./versions.mjs";

const execute = promisify(execFile);
const compatibilityDate = "2026-04-01";
const fromImport = /only from a static import|no relaxed SIMD/;

/** With a worker of the project; a new process for each request, since an isolate starts the core once. */
export const workerd = {
  host: "workerd",
  how: "the package's files as its modules",
  threads: /no workers/,
  relaxed: fromImport,
  start: ({ project }) => ({
    version: versionOf("workerd"),
    run: (request) => serve(project, "worker.mjs", JSON.stringify(request)).then(responseOf),
  }),
};

/** Serves a worker of the project, and gives the response to one request with that body. */
export async function serve(project, worker, body) {
  const config = join(project, `${worker}.capnp`);
  writeFileSync(config, configOf(project, worker));
  const server = spawn(join(hostsDir, "node_modules", ".bin", "workerd"), ["serve", config, "--control-fd=1"]);
  let said = "";
  server.stderr.setEncoding("utf8").on("data", (text) => {
    said += text;
  });
  try {
    const port = await new Promise((resolve, reject) => {
      let told = "";
      server.stdout.setEncoding("utf8").on("data", (text) => {
        told += text;
        const found = /"event":"listen".*"port":(\d+)/.exec(told);
        if (found) resolve(found[1]);
      });
      server.on("error", reject);
      server.on("exit", (code) => reject(new Error(`workerd ended with ${code}:\n${said}`)));
    });
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body });
    return { status: response.status, text: await response.text(), said };
  } finally {
    server.kill("SIGKILL");
  }
}

function responseOf({ status, text, said }) {
  if (status !== 200) throw new Error(`workerd answered ${status}: ${text}\n${said}`);
  return JSON.parse(text);
}

// A module's name is what others import it by: the package's own files by what is written in its entry.
function configOf(project, worker) {
  const folder = join(project, "node_modules", "evenkeel");
  const { exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const entry = exports["."].workerd.default;
  const modules = new Map([[worker, `esModule = embed "${worker}"`]]);
  modules.set("program.mjs", 'esModule = embed "program.mjs"');
  const add = (name, path) => {
    if (modules.has(name)) return;
    const kind = path.endsWith(".wasm") ? "wasm" : "esModule";
    modules.set(name, `${kind} = embed "${join("node_modules/evenkeel", path)}"`);
    if (kind === "wasm") return;
    for (const [, next] of readFileSync(join(folder, path), "utf8").matchAll(/\bfrom\s*["']\.\/([^"']+)["']/g)) {
      add(next, `dist/${next}`);
    }
  };
  add("evenkeel", entry);
  // Another build, for the worker that imports it.
  add("evenkeel/evenkeel-relaxed.wasm", exports["./evenkeel-relaxed.wasm"].default);
  const list = Array.from(modules, ([name, content]) => `(name = "${name}", ${content})`);
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (compatibilityDate = "${compatibilityDate}", modules = [${list.join(", ")}]))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`;
}

/** What wrangler would upload, run by miniflare. */
export const wrangler = {
  host: "wrangler",
  how: "its bundle, in miniflare",
  threads: /no workers/,
  relaxed: fromImport,
  start: async ({ project, away }) => {
    const modules = await bundle(project, "worker.mjs", away);
    return {
      version: versionOf("wrangler"),
      run: (request) => dispatch(modules, JSON.stringify(request)).then(responseOf),
    };
  },
};

/** Gives modules that wrangler bundled to miniflare, and the response to one request with that body. */
export async function dispatch(modules, body) {
  const miniflare = new Miniflare({ modules, compatibilityDate, cf: false, host: "127.0.0.1" });
  try {
    const response = await miniflare.dispatchFetch("http://worker.test/", { method: "POST", body });
    return { status: response.status, text: await response.text(), said: "" };
  } finally {
    await miniflare.dispose();
  }
}

/** What wrangler would upload of a worker of the project. */
export async function bundle(project, worker, away) {
  const home = join(away, "wrangler-home");
  const out = join(away, "wrangler");
  mkdirSync(home);
  const program = join(hostsDir, "node_modules", "wrangler", "bin", "wrangler.js");
  const args = ["--dry-run", "--outdir", out, "--name", "stranger", "--compatibility-date", compatibilityDate];
  await execute(process.execPath, [program, "deploy", worker, ...args], {
    cwd: project,
    env: {
      ...process.env,
      HOME: home,
      XDG_CONFIG_HOME: home,
      WRANGLER_LOG_PATH: home,
      WRANGLER_SEND_METRICS: "false",
      // With the banner it would ask for a newer version of itself.
      WRANGLER_HIDE_BANNER: "true",
      CI: "true",
    },
  });
  const wasm = readdirSync(out).filter((name) => name.endsWith(".wasm"));
  return [
    { type: "ESModule", path: worker.replace(/mjs$/, "js") },
    ...wasm.map((path) => ({ type: "CompiledWasm", path })),
  ].map((module) => ({ ...module, contents: readFileSync(join(out, module.path)) }));
}
