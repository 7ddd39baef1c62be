// Runs commands. Their output is kept, not shown: it matters only when they fail.
import { spawn, spawnSync } from "node:child_process";
import { root } from "./paths.mjs";

const keptLines = 40;

/** Something that a person has to read and act on: printed without a stack. */
export class SetUpError extends Error {
  name = "SetUpError";
}

/**
 * Runs a command to its end and returns its output. A failure throws with the command and the last lines that it
 * printed. On a terminal the newest line is shown while it runs, since minutes of silence look like a hang.
 */
export function run(command, args, { cwd = root, env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const started = performance.now();
    let stdout = "";
    let lines = [""];
    const live = process.stderr.isTTY;

    const keep = (text) => {
      const parts = text.split(/\r?\n|\r/);
      lines[lines.length - 1] += parts[0];
      lines.push(...parts.slice(1));
      if (lines.length > keptLines + 1) lines = lines.slice(-keptLines - 1);
      if (live) {
        const seconds = Math.round((performance.now() - started) / 1000);
        const newest = lines.findLast((line) => line.trim() !== "") ?? "";
        const width = Math.max(20, (process.stderr.columns ?? 80) - 12);
        process.stderr.write(`\r\x1b[K  ${seconds} s  ${newest.trim().slice(0, width)}`);
      }
    };
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
      keep(text);
    });
    child.stderr.setEncoding("utf8").on("data", keep);

    const clear = () => live && process.stderr.write("\r\x1b[K");
    child.on("error", (cause) => {
      clear();
      reject(new SetUpError(`cannot run ${command}: ${cause.message}`, { cause }));
    });
    child.on("close", (code, signal) => {
      clear();
      if (code === 0) return resolve(stdout);
      const tail = lines.join("\n").trimEnd().replaceAll(/^/gm, "    ");
      const how = signal ? `was ended by ${signal}` : `failed with exit code ${code}`;
      reject(new SetUpError(`this command ${how}:\n    ${[command, ...args].join(" ")}\n  its last lines:\n${tail}`));
    });
  });
}

/** The output of a quick command, or undefined if it is missing or fails. */
export function ask(command, args, { env = process.env } = {}) {
  const result = spawnSync(command, args, { cwd: root, env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return result.status === 0 ? result.stdout : undefined;
}
