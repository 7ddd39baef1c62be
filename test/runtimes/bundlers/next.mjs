// Next, by both of its bundlers: `next build` of bundlers/next-app, then `next start`, and a request to a route that runs in
// Node and to one that is an edge function.
import { execFile, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { bundlersDir } from "../../../scripts/setup/paths.mjs";
import { versionOf } from "../hosts/versions.mjs";

const execute = promisify(execFile);
const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", CI: "1", NO_COLOR: "1", FORCE_COLOR: undefined };

const routes = [
  { route: "node", threads: 2, noRelaxed: /no relaxed SIMD/ },
  { route: "edge", threads: /no workers/, noRelaxed: /no relaxed SIMD|only from a static import/ },
];

export const nexts = ["turbopack", "webpack"].flatMap((bundler) =>
  routes.map(({ route, threads, noRelaxed }) => ({
    host: "Next",
    how: `${route} route, by ${bundler}`,
    threads,
    relaxed: route === "node" && Number.parseInt(process.versions.node, 10) > 20 ? true : noRelaxed,
    start: async (places) => {
      const app = await built(bundler, places);
      return { version: versionOf("next", bundlersDir), run: (request) => answer(app, route, request) };
    },
  })),
);

// One app for all, since it is large; it has the routes of whichever bundler was last.
let app;
let builtBy;

/** The app's folder, built. */
async function built(bundler, { project, away }) {
  app ??= await makeApp(project, join(away, "app"));
  if (builtBy !== bundler) {
    await rm(join(app, ".next"), { recursive: true, force: true });
    await execute(process.execPath, [...next(app), "build", `--${bundler}`], { cwd: app, env });
    builtBy = bundler;
  }
  return app;
}

// With copies of packages: Next's bundlers follow no links out of the app's folder.
async function makeApp(project, folder) {
  await cp(fileURLToPath(new URL("next-app", import.meta.url)), folder, { recursive: true });
  await cp(join(project, "program.mjs"), join(folder, "program.mjs"));
  await cp(join(project, "node_modules"), join(folder, "node_modules"), { recursive: true });
  for (const name of neededBy(["next", "react", "react-dom"])) {
    await cp(join(bundlersDir, "node_modules", name), join(folder, "node_modules", name), { recursive: true });
  }
  await writeFile(join(folder, "package.json"), '{ "name": "stranger", "private": true }\n');
  return folder;
}

/** These packages, and all that they depend on and is installed. */
function neededBy(names, found = new Set()) {
  for (const name of names) {
    const folder = join(bundlersDir, "node_modules", name);
    if (found.has(name) || !existsSync(folder)) continue;
    found.add(name);
    const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    neededBy(Object.keys({ ...dependencies, ...optionalDependencies }), found);
  }
  return found;
}

const next = (app) => [join(app, "node_modules", "next", "dist", "bin", "next")];

/** What a route answers; a new server for each request, since the core is started once. */
async function answer(app, route, request) {
  const args = [...next(app), "start", "--hostname", "127.0.0.1", "--port", "0"];
  const server = spawn(process.execPath, args, { cwd: app, env });
  let said = "";
  try {
    const address = await new Promise((resolve, reject) => {
      const listen = (text) => {
        said += text;
        const found = /http:\/\/127\.0\.0\.1:\d+[\s\S]*Ready/.exec(said);
        if (found) resolve(/\S+/.exec(found[0])[0]);
      };
      server.stdout.setEncoding("utf8").on("data", listen);
      server.stderr.setEncoding("utf8").on("data", listen);
      server.on("error", reject);
      server.on("exit", (code) => reject(new Error(`next start ended with ${code}:\n${said}`)));
    });
    const response = await fetch(`${address}/${route}`, { method: "POST", body: JSON.stringify(request) });
    if (!response.ok) throw new Error(`Next answered ${response.status}:\n${said}`);
    return await response.json();
  } finally {
    server.kill("SIGKILL");
  }
}
