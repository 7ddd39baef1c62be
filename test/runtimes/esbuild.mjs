// The repository's own esbuild, not the one that wrangler or Vite brings for itself.
import { createRequire } from "node:module";
import { join } from "node:path";
import { root } from "../../scripts/setup/paths.mjs";

export const { build, version } = createRequire(join(root, "package.json"))("esbuild");
