// Entries that bring one wasm only (workerd, edge-light), as they start where more was asked for.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { bytesOf } from "../../ts/runtime/fetch.js";
import { inlineSource } from "../../ts/runtime/inline.js";
import { run } from "../../ts/runtime/start.js";
import { workers } from "../../ts/runtime/workers.js";

const bytes = readFileSync("build/wasm/evenkeel.wasm");
const edge = { plain: () => ({ module: new WebAssembly.Module(bytes) }) };
const node = { plain: inlineSource, read: bytesOf, workers };

it("an entry without the other builds runs the default and says how to get them", async () => {
  const { backend } = await run({ ...edge, workers }, { math: "exact", threads: 2 });
  expect(backend).toEqual({
    math: "exact",
    threads: 1,
    threadsReason: "This host takes wasm only from a static import: give init evenkeel-threads.wasm as module.",
  });
});

it("a build that cannot be loaded is no reason to fail", async () => {
  const other = () => Promise.reject(new TypeError("import() is disallowed in service workers"));
  const { backend } = await run({ ...node, other }, { math: "exact", threads: 2 });
  expect(backend).toEqual({
    math: "exact",
    threads: 1,
    threadsReason: "import() is disallowed in service workers",
  });
});

it("where there are no workers there is one thread", async () => {
  const one = { math: "exact", threads: 1, threadsReason: "This host has no workers." };
  expect((await run(edge, { math: "exact", threads: "auto" })).backend).toEqual(one);
  const module = new WebAssembly.Module(readFileSync("build/wasm/evenkeel-threads.wasm"));
  expect((await run(edge, { math: "exact", threads: 2 }, { module })).backend).toEqual(one);
});

it("an entry for hosts that compile no bytes does not look for any", async () => {
  const url = "https://example.test/evenkeel.wasm";
  await expect(run(edge, { math: "exact", threads: 1 }, { url })).rejects.toMatchObject({
    code: "WASM_BLOCKED",
    message: expect.stringContaining("Import it statically"),
  });
});
