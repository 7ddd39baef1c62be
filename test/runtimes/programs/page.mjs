// For pages: the program, where a test that drives the browser finds it, and what init alone comes to.
import { backend, init } from "evenkeel";
import { run } from "./program.mjs";

async function tryInit(options) {
  try {
    await init(options);
    return backend();
  } catch ({ name, code, message, data }) {
    return { name, code, message, url: data?.url };
  }
}

globalThis.tryInit = tryInit;
globalThis.run = run;
