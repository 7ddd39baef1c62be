import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import vm from "node:vm";
import { afterEach, describe, expect, it, vi } from "vitest";
import { wasmSha256, wasmSize } from "../../build/wasm/inline.js";
import { bytesOf } from "../../ts/runtime/fetch.js";
import { inlineSource } from "../../ts/runtime/inline.js";
import { instantiate as instantiateBy, instantiateSync } from "../../ts/runtime/loader.js";
import { checkMagic } from "../../ts/runtime/magic.js";
import type { WasmSource } from "../../ts/runtime/source.js";
import { unpack } from "../../ts/runtime/unpack.js";

const path = "build/wasm/evenkeel.wasm";
const bytes = readFileSync(path);
const instantiate = (source: WasmSource) => instantiateBy(source, bytesOf);

function caught(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe("instantiate", () => {
  it.each([
    ["the inlined wasm", inlineSource],
    ["bytes", () => ({ bytes })],
    ["a file URL", () => ({ url: pathToFileURL(path) })],
    ["a data URL", () => ({ url: `data:application/wasm;base64,${bytes.toString("base64")}` })],
    ["a promised response", () => ({ response: Promise.resolve(new Response(bytes)) })],
    ["a module", () => ({ module: new WebAssembly.Module(bytes) })],
  ])("starts from %s", async (_, source) => {
    const { memory, module } = await instantiate(source());
    expect(memory.buffer.byteLength).toBeGreaterThan(0);
    expect(Object.prototype.toString.call(module)).toBe("[object WebAssembly.Module]");
  });

  it("starts from a module of another realm", async () => {
    const module = vm.runInNewContext("new WebAssembly.Module(bytes)", { bytes }) as WebAssembly.Module;
    expect(module instanceof WebAssembly.Module).toBe(false);
    expect((await instantiate({ module })).memory).toBeDefined();
    expect(instantiateSync({ module }).memory).toBeDefined();
  });

  it("starts synchronously from bytes", () => {
    expect(instantiateSync({ bytes }).memory).toBeDefined();
  });

  it("names size and hash of the inlined wasm", async () => {
    const digest = await crypto.subtle.digest("SHA-256", bytes);
    expect(Buffer.from(digest).toString("hex")).toBe(wasmSha256);
    expect(bytes.length).toBe(wasmSize);
  });
});

describe("what went wrong is said (PAIN.md, WebAssembly and hosts)", () => {
  it("onnxruntime#19829: a server that sends HTML", async () => {
    vi.stubGlobal("fetch", async () => new Response("<!DOCTYPE html><title>home</title>"));
    await expect(instantiate({ url: "https://example.test/evenkeel.wasm" })).rejects.toMatchObject({
      name: "EvenkeelError",
      code: "WASM_NOT_WASM",
      message: expect.stringContaining("The server sent HTML for https://example.test/evenkeel.wasm"),
      data: { url: "https://example.test/evenkeel.wasm", start: "3c 21 44 4f" },
    });
  });

  it("a missing file, on a server and on the disk", async () => {
    vi.stubGlobal("fetch", async () => new Response("no", { status: 404 }));
    await expect(instantiate({ url: "https://example.test/x.wasm" })).rejects.toMatchObject({
      code: "WASM_NOT_FOUND",
      data: { status: 404 },
    });
    await expect(instantiate({ url: pathToFileURL("build/nothing.wasm") })).rejects.toMatchObject({
      code: "WASM_NOT_FOUND",
    });
  });

  it("a server that cannot be reached", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("fetch failed")));
    await expect(instantiate({ url: "https://example.test/x.wasm" })).rejects.toMatchObject({
      code: "WASM_NOT_FOUND",
      cause: { message: "fetch failed" },
    });
  });

  it("empty and foreign bytes", () => {
    expect(caught(() => checkMagic(new Uint8Array()))).toMatchObject({ code: "WASM_NOT_WASM" });
    expect(caught(() => instantiateSync({ bytes: new Uint8Array([1, 2, 3, 4]) }))).toMatchObject({
      code: "WASM_NOT_WASM",
      data: { start: "01 02 03 04" },
    });
  });

  it("a Content-Security-Policy, in the words of Chromium and Firefox", async () => {
    for (const words of [
      "WebAssembly.instantiate(): Refused to compile or instantiate WebAssembly module because 'unsafe-eval' is not an allowed source of script in the following Content Security Policy directive",
      "call to WebAssembly.instantiate() blocked by CSP",
    ]) {
      vi.spyOn(WebAssembly, "instantiate").mockRejectedValue(new WebAssembly.CompileError(words));
      await expect(instantiate({ bytes })).rejects.toMatchObject({
        code: "WASM_BLOCKED",
        message: expect.stringContaining("'wasm-unsafe-eval'"),
      });
    }
  });

  it("workerd#3345: a host that compiles nothing from bytes", async () => {
    const words = "WebAssembly.instantiate(): Wasm code generation disallowed by embedder";
    vi.spyOn(WebAssembly, "instantiate").mockRejectedValue(new WebAssembly.CompileError(words));
    await expect(instantiate({ bytes })).rejects.toMatchObject({
      code: "WASM_BLOCKED",
      message: expect.stringContaining("import wasm from"),
    });
  });

  it("no SIMD", async () => {
    vi.spyOn(WebAssembly, "instantiate").mockRejectedValue(new WebAssembly.CompileError("invalid value type"));
    vi.spyOn(WebAssembly, "validate").mockReturnValue(false);
    await expect(instantiate({ bytes })).rejects.toMatchObject({ code: "WASM_NO_SIMD" });
  });

  it("the probe for SIMD is valid where SIMD is: another failure stays another failure", async () => {
    const broken = bytes.subarray(0, bytes.length - 1);
    await expect(instantiate({ bytes: broken })).rejects.toMatchObject({ code: "WASM_FAILED" });
  });

  it("the web's own means unpack the same bytes as Node's", async () => {
    const { gzipBase64 } = inlineSource() as { gzipBase64: string };
    const byNode = await unpack(gzipBase64);
    vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined);
    const byStreams = await unpack(gzipBase64);
    expect(byStreams.length).toBe(bytes.length);
    expect(byStreams.every((byte, i) => byte === byNode[i])).toBe(true);
  });

  it("no WebAssembly, no DecompressionStream", async () => {
    vi.stubGlobal("DecompressionStream", undefined);
    vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined);
    await expect(instantiate(inlineSource())).rejects.toMatchObject({ code: "WASM_NO_DECOMPRESSION" });
    vi.stubGlobal("WebAssembly", undefined);
    await expect(instantiate({ bytes })).rejects.toMatchObject({ code: "WASM_MISSING" });
  });
});
