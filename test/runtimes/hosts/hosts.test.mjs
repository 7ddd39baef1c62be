// JavaScript's hosts, each with the package installed from its tarball.
import { prove } from "../prove.mjs";
import { edgeRuntime } from "./edge-runtime.mjs";
import { pages } from "./pages.mjs";
import { buns, deno, nodes } from "./processes.mjs";
import { workerd, wrangler } from "./workerd.mjs";

prove([...nodes, deno, ...buns, workerd, wrangler, edgeRuntime, ...pages]);
