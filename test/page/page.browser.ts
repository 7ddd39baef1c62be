/**
 * The page in examples/browser, built and served, in Chromium and Firefox: it learns the sample recordings in its worker
 * while it takes input, and what it loads is as small as it says. Frames are measured and told, not asserted.
 */
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BrowserName, openPage, type Page } from "./browser.js";
import { buildPage, servePage } from "./site.js";

/**
 * Everything over the wire, gzipped: the page's own code and its plots included. 160 kB are wanted, of which the wasm takes
 * too many: until it is smaller the page may not weigh more than it does.
 */
const budget = 173_000;

const pictures = fileURLToPath(new URL("../../out/page/", import.meta.url));

/** Notes, in the page, what happens in it while it trains. */
const watch = `(() => {
  const seen = { moves: 0, guesses: 0, epochs: new Set(), idle: 0, longest: 0, task: 0 };
  const trains = () => !document.querySelector("#stop").disabled;
  document.querySelector("#pad").addEventListener("pointermove", () => { if (trains()) seen.moves++; });
  new MutationObserver(() => { if (trains()) seen.guesses++; }).observe(document.querySelector("#bars output"), { childList: true });
  new MutationObserver(() => { if (trains()) seen.epochs.add(document.querySelector("#epoch").textContent); })
    .observe(document.querySelector("#epoch"), { childList: true });
  // Chromium tells of tasks of 50 ms and more.
  if (PerformanceObserver.supportedEntryTypes.includes("longtask")) {
    new PerformanceObserver((list) => { if (trains()) for (const { duration } of list.getEntries()) seen.task = Math.max(seen.task, duration); })
      .observe({ entryTypes: ["longtask"] });
  } else seen.task = undefined;
  let last;
  const frame = (time) => {
    const kind = trains() ? "longest" : "idle";
    if (last !== undefined) seen[kind] = Math.max(seen[kind], time - last);
    last = time;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  window.seen = seen;
})()`;

const status = `document.querySelector("#status").textContent`;
const trains = `!document.querySelector("#stop").disabled`;

beforeAll(async () => {
  mkdirSync(pictures, { recursive: true });
  await buildPage();
});

describe.each<BrowserName>(["chromium", "firefox"])("in %s", (name) => {
  let page: Page;
  let site: Awaited<ReturnType<typeof servePage>>;
  beforeAll(async () => {
    site = await servePage();
    page = await openPage(name);
    await page.goto(site.url);
  });
  afterAll(async () => {
    await page?.close();
    await site?.close();
  });

  /** Moves in a circle over the pad until something is so. */
  async function circleUntil(expression: string): Promise<void> {
    const [x, y] = await page.value<[number, number]>(
      `(() => { const r = document.querySelector("#pad").getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`,
    );
    for (let t = 0; !(await page.value<boolean>(expression)); t += 0.3) {
      await page.mouse.move(x + 90 * Math.cos(t), y + 90 * Math.sin(t));
    }
  }

  it("trains on the samples in its worker, and takes input and answers meanwhile", async () => {
    await page.value(watch);
    await page.click("#samples");
    await page.until(`${status}.includes("windows of motion")`);
    // What this machine makes of a page that does nothing: to judge the frames by.
    await page.value("seen.idle = 0");
    await page.value("new Promise((resolve) => setTimeout(resolve, 1000))");
    const idle = await page.value<number>("seen.idle");
    await page.click("#train");
    await circleUntil(`!(${trains})`);
    expect(await page.value(status)).toMatch(/^Trained in /);

    const seen = await page.value<{ moves: number; guesses: number; epochs: number; longest: number; task?: number }>(
      `({ ...seen, epochs: seen.epochs.size })`,
    );
    const task =
      seen.task === undefined
        ? "long tasks are not told"
        : seen.task === 0
          ? "no task of the page took 50 ms"
          : `longest task ${seen.task} ms`;
    console.log(
      `${name}: longest frame while it trained ${seen.longest.toFixed(1)} ms, in a second before it ` +
        `${idle.toFixed(1)} ms; ${task}; ${seen.moves} moves taken, ${seen.guesses} predictions shown, ${seen.epochs} pictures of the curve`,
    );
    expect(seen.moves).toBeGreaterThan(3);
    expect(seen.guesses).toBeGreaterThan(0);
    expect(seen.epochs).toBeGreaterThan(1);
    expect(await page.value(`document.querySelector("#epoch").textContent`)).toBe("160");
    expect(await page.value<number>(`parseFloat(document.querySelector("#accuracy").textContent)`)).toBeGreaterThan(95);
    expect(await page.value(`document.querySelectorAll(".ct-line").length`)).toBe(4);
  });

  it("knows a circle, and shows what batch norm has learnt", async () => {
    await circleUntil(`document.querySelector("#bars .best span")?.textContent === "Circle"`);
    const rows = await page.value<string[][]>(
      `Array.from(document.querySelectorAll("#features tr"), (tr) => Array.from(tr.cells, (td) => td.textContent))`,
    );
    expect(rows.length).toBe(16);
    for (const [feature, , , mean, sigma] of rows) {
      expect(Number.isFinite(Number(mean)), `${feature}: ${mean}`).toBe(true);
      expect(Number(sigma), feature).toBeGreaterThan(0);
    }
    expect(await page.value(`document.querySelector("#summary").textContent`)).toContain("batchNorm");
    for (const theme of ["light", "dark"]) {
      await page.value(`void (document.documentElement.dataset.theme = "${theme}")`);
      await page.screenshot({ path: `${pictures}${name}-${theme}.png`, fullPage: true });
    }
    await page.resize({ width: 390, height: 844 });
    expect(await page.value("document.documentElement.scrollWidth"), "nothing sticks out").toBeLessThanOrEqual(390);
    await page.screenshot({ path: `${pictures}${name}-narrow.png`, fullPage: true });
    await page.resize({ width: 1280, height: 900 });
  });

  it("stops when it is told to, within an epoch, and can train again", async () => {
    await page.click("#train");
    await page.value(`new Promise((resolve) => {
      const look = setInterval(() => {
        if (document.querySelector("#progress").value < 2 || document.querySelector("#progress").value > 100) return;
        document.querySelector("#stop").click();
        clearInterval(look);
        resolve();
      }, 5);
    })`);
    await page.until(`!(${trains})`);
    expect(await page.value(status)).toMatch(/^Stopped/);
  });

  it("exports the net as a file, takes it back, and refuses what is none", async () => {
    await page.value(`(() => {
      const real = URL.createObjectURL;
      URL.createObjectURL = (blob) => { window.exported = blob; return real(blob); };
      window.offer = (...parts) => {
        const files = new DataTransfer();
        files.items.add(new File(parts, "given.safetensors"));
        const input = document.querySelector("#import");
        input.files = files.files;
        input.dispatchEvent(new Event("change"));
      };
      document.querySelector("#export").click();
    })()`);
    await page.until("window.exported");
    await page.value("offer(exported)");
    await page.until(`${status} === "given.safetensors is loaded. Try it on the pad."`);
    await page.value(`offer("no model")`);
    await page.until(`${status}.startsWith("given.safetensors cannot be used: The file cannot be read")`);
    await circleUntil(`document.querySelector("#bars .best span")?.textContent === "Circle"`);
  });

  it("works without a mouse: arrow keys move", async () => {
    await page.value(`document.querySelector("#pad").focus()`);
    const still = `Array.from(document.querySelectorAll("#features tr td:nth-child(2)"), (td) => td.textContent)[0]`;
    await page.until(`${still} === "0.00"`);
    await page.value(
      `void document.querySelector("#pad").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", cancelable: true }))`,
    );
    await page.until(`Number(${still}) > 100`);
  });

  it("loads each file once, nothing in vain, and no error shows", () => {
    const paths = site.sent.map(({ path }) => path);
    expect(new Set(paths).size, paths.join()).toBe(paths.length);
    expect(site.sent.filter(({ status }) => status !== 200)).toEqual([]);
    expect(page.errors).toEqual([]);
    expect(paths.filter((path) => path.endsWith(".wasm")).length).toBe(1);
    expect(paths.filter((path) => /inline/.test(path))).toEqual([]);
  });

  it("weighs no more than it may", () => {
    const total = site.sent.reduce((sum, { bytes }) => sum + bytes, 0);
    const parts = site.sent.map(({ path, bytes }) => `${path} ${bytes}`).join(", ");
    console.log(`${name}: ${total} bytes over the wire, gzipped (budget ${budget}): ${parts}`);
    expect(total, parts).toBeLessThan(budget);
  });
});
