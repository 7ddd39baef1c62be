// Entries that bring one wasm only (workerd, edge-light), as they start where more was asked for.
import { expect, it } from "vitest";
import { inlineSource } from "../../ts/runtime/inline.js";
import { run } from "../../ts/runtime/start.js";

it("an entry without the other builds runs the default and says how to get them", async () => {
  const { backend } = await run({ plain: inlineSource }, { math: "exact", threads: 2 });
  expect(backend).toEqual({
    math: "exact",
    threads: 1,
    threadsReason: "This host takes wasm only from a static import: give init evenkeel-threads.wasm as module.",
  });
});

it("a build that cannot be loaded is no reason to fail", async () => {
  const other = () => Promise.reject(new TypeError("import() is disallowed in service workers"));
  const { backend } = await run({ plain: inlineSource, other }, { math: "exact", threads: 2 });
  expect(backend).toEqual({
    math: "exact",
    threads: 1,
    threadsReason: "import() is disallowed in service workers",
  });
});
