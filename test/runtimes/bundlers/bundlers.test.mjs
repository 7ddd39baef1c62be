// What bundlers make of the package, installed from its tarball, without configuration for it.
import { prove } from "../prove.mjs";
import { files } from "./files.mjs";
import { nexts } from "./next.mjs";
import { vites } from "./vite.mjs";

prove([...vites, ...files, ...nexts]);
