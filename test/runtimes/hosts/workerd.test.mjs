// What is special to workerd: it compiles no bytes, and takes other builds of the core from a static import.
import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, it } from "vitest";
import { bundle, dispatch, serve } from "./workerd.mjs";

const { project, away } = inject("places");

it("bytes: says what to import instead", async () => {
  const wasm = readFileSync(join(project, "node_modules", "evenkeel", "dist", "evenkeel.wasm"));
  const { text, said } = await serve(project, "bytes-worker.mjs", wasm);
  expect(JSON.parse(text), said).toEqual({
    code: "WASM_BLOCKED",
    message: expect.stringMatching(/import wasm from "evenkeel\/evenkeel\.wasm"/),
  });
});

it("the build with relaxed arithmetic, imported", async () => {
  const { text, said } = await serve(project, "relaxed-worker.mjs", "");
  expect(JSON.parse(text), said).toEqual({ math: "relaxed", threads: 1 });
});

it("the same in wrangler's bundle", async () => {
  const modules = await bundle(project, "relaxed-worker.mjs", mkdtempSync(join(away, "relaxed-")));
  const { text } = await dispatch(modules, "");
  expect(JSON.parse(text)).toEqual({ math: "relaxed", threads: 1 });
});
