// What bundlers make, in Chromium: cross-origin isolated, so that the build with threads, a chunk, is loaded as well.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isolation, runInPage, serveFolder, startChromium } from "../browsers.mjs";

/** A page at an address; `end` stops what serves it. */
export async function inChromium(version, address, end) {
  const browser = await startChromium();
  return {
    version,
    run: (request) => runInPage(browser, address, request),
    close: async () => {
      await browser.close();
      await end();
    },
  };
}

/** A folder with a bundled `entry.js`. */
export async function filesInChromium(folder, version) {
  writeFileSync(join(folder, "index.html"), '<!doctype html><script type="module" src="entry.js"></script>');
  const { address, close } = await serveFolder(folder, isolation);
  return inChromium(version, address, close);
}
