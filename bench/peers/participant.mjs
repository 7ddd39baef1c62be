// A contestant in a process of its own, so that none suffers from what another leaves to the compiler, the garbage
// collector or the global scope, nor differs from how an application has it. The processes take turns (`../measure.mjs`): all
// but one are at rest.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { versionOf } from "./contestants.mjs";

const script = fileURLToPath(new URL("process.mjs", import.meta.url));

/** The contestants that start here, and of the others `{ label, reason }`. */
export async function startAll(entries, states) {
  const participants = [];
  const missing = [];
  for (const entry of entries) {
    try {
      participants.push(await startOne(entry, states));
    } catch (error) {
      missing.push({ label: entry.label ?? entry.id, reason: error.message });
    }
  }
  return { participants, missing };
}

async function startOne(entry, states) {
  const { id, packageName, peer = false, variant = false, label: given, options } = entry;
  const { ask, close } = open();
  try {
    const label = await ask("start", { id, label: given, options }, states);
    return {
      ...{ id, label, peer, variant, options, version: await versionOf({ packageName }) },
      can: ({ kind, trains }) => ask("can", { kind, trains }),
      numbers: (probe) => ask("numbers", probe),
      make: (name) => ask("make", name),
      warm: (warmUp, sample) => ask("warm", warmUp, sample),
      time: (count) => ask("time", count),
      end: () => ask("end"),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

function open() {
  const child = fork(script, { serialization: "advanced" });
  let settle;
  const ended = (reason) => settle?.reject(new Error(reason));
  child.on("message", ({ value, error }) => (error === undefined ? settle.resolve(value) : ended(error)));
  child.on("error", ({ message }) => ended(message));
  child.on("exit", (code, signal) => ended(`its process ended (${signal ?? code})`));
  return {
    ask: (action, ...args) =>
      new Promise((resolve, reject) => {
        settle = { resolve, reject };
        child.send({ action, args });
      }),
    // Killed, as a pool of threads may keep it.
    close: () => child.kill(),
  };
}
