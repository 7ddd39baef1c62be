// Browsers that the tests drive: Debian's packages.
import { existsSync } from "node:fs";
import { aptInstall } from "./apt.mjs";
import { lock } from "./lock.mjs";

/** Where they are. */
export const browsers = { chromium: "/usr/bin/chromium", firefox: "/usr/bin/firefox-esr" };

const packages = { chromium: "chromium", firefox: "firefox-esr" };

export async function testBrowsers() {
  const missing = Object.keys(browsers).filter((name) => !existsSync(browsers[name]));
  if (missing.length === 0) return;
  await lock();
  await aptInstall(
    missing.map((name) => packages[name]),
    "browsers for the tests",
    "1 min",
    `the tests drive ${Object.values(browsers).join(" and ")}: install these.`,
  );
}
