// Once for all tests: the package packed and installed in an empty project, with the programs beside it. Tests get
// `inject("places")`: the project, and an empty folder for what they make of it.
import { cpSync, mkdirSync, mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installInto, packInto } from "../../scripts/packed.mjs";

export default async function setUp({ provide }) {
  const folder = mkdtempSync(join(tmpdir(), "evenkeel-runtimes-"));
  // Not at once, which would hold vitest up while it ends its workers: Next's app is large.
  const remove = () => rm(folder, { recursive: true, force: true, maxRetries: 5 });
  try {
    const project = installInto(folder, packInto(folder).tarball);
    cpSync(fileURLToPath(new URL("programs", import.meta.url)), project, { recursive: true });
    const [away, temporary] = ["away", "temporary"].map((name) => join(folder, name));
    for (const made of [away, temporary]) mkdirSync(made);
    provide("places", { project, away });
    // Browsers and miniflare leave folders behind when they end in a hurry.
    process.env.TMPDIR = temporary;
  } catch (error) {
    await remove();
    throw error;
  }
  return remove;
}
