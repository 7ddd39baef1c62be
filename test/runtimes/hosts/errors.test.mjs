// What real browsers forbid or servers get wrong, and what the package says of it. (test/unit/loader.test.ts simulates more.)
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { inPage, isolation, serveFolder, startChromium, startFirefox } from "../browsers.mjs";

const { project } = inject("places");

describe.each([
  ["Chromium", startChromium],
  ["Firefox", startFirefox],
])("%s", (_, start) => {
  let browser;
  beforeAll(async () => {
    browser = await start();
  });
  afterAll(() => browser?.close());

  /** What init in a page says, served with these headers. */
  async function tryInit(options, headers) {
    const server = await serveFolder(project, headers);
    try {
      return await inPage(browser, `${server.address}plain.html`, (given) => globalThis.tryInit(given), options);
    } finally {
      await server.close();
    }
  }

  // The import map of the page is an inline script.
  const csp = (sources) => ({ "Content-Security-Policy": `script-src 'self' 'unsafe-inline' ${sources}` });

  it("a Content-Security-Policy that forbids wasm", async () => {
    expect(await tryInit(undefined, csp(""))).toMatchObject({
      name: "EvenkeelError",
      code: "WASM_BLOCKED",
      message: expect.stringMatching(/Content-Security-Policy.*'wasm-unsafe-eval'/),
    });
    expect(await tryInit(undefined, csp("'wasm-unsafe-eval'"))).toEqual({ math: "exact", threads: 1 });
  });

  it("a Content-Security-Policy that forbids the workers: one thread, and why", async () => {
    const headers = { ...isolation, ...csp("'wasm-unsafe-eval'") };
    expect(await tryInit({ threads: 2 }, headers)).toEqual({
      math: "exact",
      threads: 1,
      threadsReason: expect.stringMatching(/worker-src blob:/),
    });
  });

  it("a page where the wasm should be", async () => {
    expect(await tryInit({ url: "plain.html" })).toMatchObject({
      name: "EvenkeelError",
      code: "WASM_NOT_WASM",
      message: expect.stringMatching(/^The server sent HTML for plain\.html/),
      url: "plain.html",
    });
  });
});
