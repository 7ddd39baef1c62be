// A browser with one page, driven in the same way whichever it is: Chromium by Playwright, Firefox by Puppeteer over
// WebDriver BiDi. test/runtimes launches them.
// @ts-expect-error: a script without types
import { launch } from "../runtimes/browsers.mjs";

/** What both drivers' pages have. */
interface Driven {
  goto(url: string): Promise<unknown>;
  evaluate(expression: string): Promise<unknown>;
  click(selector: string): Promise<void>;
  screenshot(options: { path: string; fullPage: boolean }): Promise<unknown>;
  readonly mouse: { move(x: number, y: number): Promise<void> };
  on(event: "pageerror", listener: (error: unknown) => void): unknown;
  on(event: "console", listener: (message: { type(): string; text(): string }) => void): unknown;
  setViewportSize?(size: Size): Promise<void>;
  setViewport?(size: Size): Promise<void>;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** A page, and what went wrong in it. */
export interface Page extends Pick<Driven, "goto" | "click" | "screenshot" | "mouse"> {
  readonly errors: string[];
  /** The value of an expression in the page. */
  value<T>(expression: string): Promise<T>;
  /** Waits until an expression is true in the page. */
  until(expression: string): Promise<void>;
  resize(size: Size): Promise<void>;
  close(): Promise<void>;
}

export type BrowserName = "chromium" | "firefox";

const size = { width: 1280, height: 900 };

export async function openPage(name: BrowserName): Promise<Page> {
  const browser = await launch[name]();
  const page: Driven = await browser.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  const resize = async (to: Size) => {
    await page.setViewportSize?.(to);
    await page.setViewport?.(to);
  };
  await resize(size);
  const value = async <T>(expression: string) => (await page.evaluate(expression)) as T;
  return {
    errors,
    goto: (url) => page.goto(url),
    click: (selector) => page.click(selector),
    screenshot: (options) => page.screenshot(options),
    mouse: page.mouse,
    value,
    async until(expression) {
      while (!(await value<boolean>(`Boolean(${expression})`))) await new Promise((resolve) => setTimeout(resolve, 20));
    },
    resize,
    close: () => browser.close(),
  };
}
