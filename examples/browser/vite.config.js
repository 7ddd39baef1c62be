// Vite as it comes; all that is set here is for evenkeel being the repository around this folder.
import { defineConfig } from "vite";

export default defineConfig({
  // Relative addresses: the built page works in any folder of a server.
  base: "./",
  build: { target: "es2022", modulePreload: { polyfill: false } },
  server: { fs: { allow: ["../.."] } },
});
