// Chromium and Firefox, headless, and a server of files for their pages.
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";
import { browsers } from "../../scripts/setup/browsers.mjs";

/** Types of files by how their names end. */
export const types = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
};

/** Headers with which a page may have threads. */
export const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Serves a folder with the given headers. Gives the address, and how to end it. */
export async function serveFolder(folder, headers = {}) {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://server.test").pathname));
    const file = join(folder, path.endsWith("/") ? join(path, "index.html") : path);
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { ...headers, "Content-Type": types[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(response);
  });
  return listen(server);
}

/** Has a server listen on a free port of loopback. Gives the address, and how to end it. */
export async function listen(server) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { address: `http://127.0.0.1:${server.address().port}/`, close };
}

/** Debian's browsers, by drivers of their own: Firefox over WebDriver BiDi. */
export const launch = {
  chromium: () =>
    chromium.launch({ executablePath: browsers.chromium, chromiumSandbox: false, args: ["--disable-gpu"] }),
  firefox: () => puppeteer.launch({ browser: "firefox", executablePath: browsers.firefox, headless: true }),
};

/** Chromium, with a context of its own for each page. */
export async function startChromium() {
  const browser = await launch.chromium();
  return {
    version: browser.version(),
    newPage: async () => {
      const context = await browser.newContext();
      const page = await context.newPage();
      return { page, close: () => context.close() };
    },
    close: () => browser.close(),
  };
}

/** Firefox. */
export async function startFirefox() {
  const browser = await launch.firefox();
  return {
    version: /[\d.]+/.exec(await browser.version())[0],
    newPage: async () => {
      const page = await browser.newPage();
      return { page, close: () => page.close() };
    },
    close: () => browser.close(),
  };
}

/** Opens a page that sets `globalThis.run` (programs/page.mjs), and gives what a function in it makes of an argument. */
export async function inPage(browser, address, use, argument) {
  const { page, close } = await browser.newPage();
  const said = [];
  page.on("pageerror", (error) => said.push(String(error)));
  page.on("console", (message) => said.push(message.text()));
  try {
    await page.goto(address);
    await page
      .waitForFunction(() => globalThis.run !== undefined)
      .catch((cause) => {
        throw new Error(`The page at ${address} did not start: ${said.join("\n")}`, { cause });
      });
    return await page.evaluate(use, argument);
  } finally {
    await close();
  }
}

/** What the program in a page makes of a request. */
export function runInPage(browser, address, request) {
  return inPage(browser, address, (given) => globalThis.run(given), request);
}
