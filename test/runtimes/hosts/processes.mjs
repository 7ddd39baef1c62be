// Hosts that are processes: programs/main.mjs reads the request from stdin and writes the response to stdout.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { hostsDir, newerNodeDir } from "../../../scripts/setup/paths.mjs";
import { build } from "../esbuild.mjs";
import { versionSaid } from "./versions.mjs";

const execute = promisify(execFile);

/** A host that is started anew for each request. */
export function processHost(command, args, cwd) {
  return async (request) => {
    const running = execute(command, args, {
      cwd,
      encoding: "utf8",
      maxBuffer: 2 ** 26,
      timeout: 60_000,
      env: { ...process.env, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", FORCE_COLOR: undefined },
    });
    // A host that dies before it has read all says so by its exit code.
    running.child.stdin.on("error", () => {});
    running.child.stdin.end(JSON.stringify(request));
    const { stdout } = await running;
    return JSON.parse(stdout);
  };
}

const binary = (...names) => join(hostsDir, "node_modules", ...names);
const node22 = join(newerNodeDir, "node_modules", "node22", "bin", "node");

/** The running Node, 22 and 24, each by `import` and by `require`. */
export const nodes = [process.execPath, node22, binary("node24", "bin", "node")].flatMap((command) => [
  node(command, "ES module"),
  node(command, "CommonJS"),
]);

function node(command, how) {
  const version = versionSaid(command);
  const major = Number.parseInt(version, 10);
  return {
    host: "Node",
    how,
    title: `Node ${major}: ${how}`,
    threads: 2,
    relaxed: major < 22 ? /no relaxed SIMD/ : true,
    start: async ({ project }) => {
      const file = how === "CommonJS" ? await asCommonJs(project) : "main.mjs";
      return { version, run: processHost(command, [file], project) };
    },
  };
}

async function asCommonJs(project) {
  const name = "main.cjs";
  await build({
    entryPoints: [join(project, "main.mjs")],
    outfile: join(project, name),
    bundle: true,
    packages: "external",
    platform: "node",
  });
  return name;
}

/** Without a permission it may neither read files, ask the network nor see the environment. */
export const deno = {
  host: "Deno",
  how: "no permissions",
  threads: 2,
  relaxed: true,
  start: ({ project }) => {
    const command = binary("@deno", "linux-x64-glibc", "deno");
    const args = ["run", "--no-prompt", "--no-remote", "--cached-only", "main.mjs"];
    return { version: versionSaid(command), run: processHost(command, args, project) };
  },
};

/** Run, bundled, and as a program of its own; the latter two away from the project, so that they must have all inside. */
export const buns = [
  bun("`bun run`", (command, { project }) => [command, ["main.mjs"], project]),
  bun("`bun build`", async (command, { project, away }) => {
    const bundle = join(away, "bun");
    await execute(command, ["build", "main.mjs", "--target=bun", "--outdir", bundle], { cwd: project });
    return [command, [join(bundle, "main.js")], away];
  }),
  bun("`bun build --compile`", async (command, { project, away }) => {
    const compiled = join(away, "compiled");
    await execute(command, ["build", "main.mjs", "--compile", "--outfile", compiled], { cwd: project });
    return [compiled, [], away];
  }),
];

function bun(how, make) {
  return {
    host: "Bun",
    how,
    threads: 2,
    relaxed: true,
    start: async (places) => {
      const command = binary("bun", "bin", "bun.exe");
      return { version: versionSaid(command), run: processHost(...(await make(command, places))) };
    },
  };
}
