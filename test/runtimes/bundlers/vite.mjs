// Vite's two newest kinds, 8 with Rolldown and 6 with Rollup and esbuild: its server for development, and its build.
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { bundlersDir } from "../../../scripts/setup/paths.mjs";
import { isolation, serveFolder } from "../browsers.mjs";
import { versionOf } from "../hosts/versions.mjs";
import { inChromium } from "./pages.mjs";

const quiet = { configFile: false, logLevel: "error", clearScreen: false };

export const vites = ["vite", "vite6"].flatMap((name) => [
  vite(name, "server", async ({ createServer }, root) => {
    // `hmr` would listen on a port of its own.
    const server = await createServer({
      ...quiet,
      root,
      server: { host: "127.0.0.1", port: 0, strictPort: true, headers: isolation, hmr: false, watch: null },
    });
    await server.listen();
    const { port } = server.httpServer.address();
    return { address: `http://127.0.0.1:${port}/`, close: () => server.close() };
  }),
  vite(name, "build", async ({ build }, root) => {
    await build({ ...quiet, root });
    return serveFolder(join(root, "dist"), isolation);
  }),
]);

function vite(name, how, serve) {
  const version = versionOf(name, bundlersDir);
  return {
    host: "Vite",
    how: how === "server" ? "server for development" : "build",
    title: `${name}: ${how}`,
    threads: 2,
    relaxed: true,
    start: async ({ project, away }) => {
      // A project of its own: Vite keeps what it makes of packages inside node_modules.
      const root = join(away, `${name}-${how}`);
      mkdirSync(root);
      cpSync(join(project, "node_modules"), join(root, "node_modules"), { recursive: true });
      for (const file of ["index.html", "page.mjs", "program.mjs"]) cpSync(join(project, file), join(root, file));
      const { address, close } = await serve(await import(name), root);
      return inChromium(version, address, close);
    },
  };
}
