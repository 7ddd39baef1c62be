// Errors of a core that is not there yet.
import { readFileSync } from "node:fs";
import { initSync, isReady, nn, tensor, warnings, zeros } from "evenkeel";
import { expect, it, vi } from "vitest";

it("before init everything says so", () => {
  expect(isReady()).toBe(false);
  for (const f of [() => zeros([2]), () => tensor([1]), () => nn.relu(), () => warnings()]) {
    expect(f).toThrow(
      expect.objectContaining({
        code: "NOT_INITIALIZED",
        message: "evenkeel is not running yet: await init() first.",
      }),
    );
  }
});

it("a host without memory for the wasm is told so, and may be tried again", () => {
  const bytes = readFileSync("dist/evenkeel.wasm");
  vi.spyOn(WebAssembly, "Instance").mockImplementation(
    class {
      constructor() {
        throw new RangeError("could not allocate memory");
      }
    } as never,
  );
  expect(() => initSync({ bytes })).toThrow(
    expect.objectContaining({
      code: "WASM_NO_MEMORY",
      message: "The host gave the wasm no memory: could not allocate memory",
      data: { engine: "could not allocate memory" },
    }),
  );
  vi.restoreAllMocks();
  expect(isReady()).toBe(false);
  initSync({ bytes });
  expect(isReady()).toBe(true);
});
