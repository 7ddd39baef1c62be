// Browsers, with a page that needs no bundler: an import map and a module script, on a plain server of files.
import { isolation, runInPage, serveFolder, startChromium, startFirefox } from "../browsers.mjs";

const notIsolated = /not cross-origin isolated/;

export const pages = [
  page("Chromium", startChromium, "`<script type=module>`", {}, notIsolated),
  page("Chromium", startChromium, "`<script type=module>`, cross-origin isolated", isolation, 2),
  page("Firefox", startFirefox, "`<script type=module>`", {}, notIsolated),
  page("Firefox", startFirefox, "`<script type=module>`, cross-origin isolated", isolation, 2),
];

function page(host, startBrowser, how, headers, threads) {
  return {
    host,
    how,
    threads,
    relaxed: true,
    start: async ({ project }) => {
      const server = await serveFolder(project, headers);
      const browser = await startBrowser();
      return {
        version: browser.version,
        run: (request) => runInPage(browser, `${server.address}plain.html`, request),
        close: async () => {
          await browser.close();
          await server.close();
        },
      };
    },
  };
}
