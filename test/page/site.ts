// The example's page, built by its own Vite, served on loopback as a server on the web would: gzipped, and counted.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
// @ts-expect-error: a script without types
import { listen, types } from "../runtimes/browsers.mjs";

const folder = fileURLToPath(new URL("../../examples/browser", import.meta.url));

/** Builds the page. */
export async function buildPage(): Promise<void> {
  const vite = join(folder, "node_modules/vite/bin/vite.js");
  await promisify(execFile)(process.execPath, [vite, "build", "--logLevel", "warn"], { cwd: folder });
}

/** One answer of the server. */
export interface Sent {
  readonly path: string;
  readonly status: number;
  /** Bytes of its body, gzipped. */
  readonly bytes: number;
}

/** Serves it. */
export async function servePage() {
  const sent: Sent[] = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const path = pathname === "/" ? "/index.html" : pathname;
    try {
      const body = gzipSync(await readFile(join(folder, "dist", path)), { level: 9 });
      response.writeHead(200, {
        "content-type": types[extname(path)] ?? "application/octet-stream",
        "content-encoding": "gzip",
      });
      response.end(body);
      sent.push({ path, status: 200, bytes: body.length });
    } catch {
      response.writeHead(404).end();
      sent.push({ path, status: 404, bytes: 0 });
    }
  });
  const { address, close } = await listen(server);
  return { url: address as string, sent, close: close as () => Promise<unknown> };
}
