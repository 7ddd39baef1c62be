// Whether something built is still the result of its inputs: a hash of the inputs is kept beside it.
// Hashes of contents, not times: a checkout or a copied cache changes every time and no content.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { root } from "./paths.mjs";

/** Every file at or below the given paths of the repository, in a fixed order. Missing paths count as empty. */
export function filesBelow(paths, accept = () => true) {
  const found = [];
  const visit = (path) => {
    if (!existsSync(path)) return;
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) visit(join(path, name));
    } else if (accept(path)) {
      found.push(path);
    }
  };
  for (const path of paths) visit(join(root, path));
  return found;
}

/** One hash over names and contents of files, and over the further texts. */
export function hashOf(files, ...texts) {
  const hash = createHash("sha256");
  for (const file of files) {
    const content = readFileSync(file);
    hash.update(`${relative(root, file).split(sep).join("/")}\0${content.length}\0`);
    hash.update(content);
  }
  for (const text of texts) hash.update(`\0${text}`);
  return hash.digest("hex");
}

export function readStamp(path) {
  return existsSync(path) ? readFileSync(path, "utf8").trim() : undefined;
}

export function writeStamp(path, value) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${value}\n`);
}
