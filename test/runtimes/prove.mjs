// The proof that a host runs the package: it trains to the native core's bits, also with threads, and what one host saves
// the next one loads and computes the same bits with.
//
// A host is { host, how, threads, relaxed, start }: its name, how it gets the package, the threads and whether the relaxed
// arithmetic it has (or what it says why not), and what makes { version, run, close } of the places in project.mjs.
import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";

const read = (path) => readFileSync(new URL(path, import.meta.url));
const digits = read("../data/digits_8x8_u8.bin").toString("base64");

/** From the native core: crates/evenkeel/tests/same_bits.rs holds it to them. */
const expected = JSON.parse(read("../same_bits.json")).digits;

/** Tests hosts, one after the other. */
export function prove(hosts) {
  const { project, away } = inject("places");
  // Each start gets a folder of its own for what it makes.
  const places = () => ({ project, away: mkdtempSync(join(away, "start-")) });
  let saved;

  for (const { host, how, title = `${host}: ${how}`, threads, relaxed, start } of hosts) {
    describe(title, () => {
      let running;
      beforeAll(async () => {
        running = await start(places());
      });
      afterAll(() => running?.close?.());

      it("trains to the native core's bits, and computes the same with what the host before has saved", async ({
        task,
      }) => {
        const { weights, outputs, carried, file, backend } = await running.run({ digits, model: saved });
        expect({ weights, outputs }).toEqual(expected);
        if (saved !== undefined) {
          expect(carried).toBe(expected.outputs);
          expect(file === saved, "the files that both have saved are the same").toBe(true);
        }
        expect(backend).toEqual({ math: "exact", threads: 1 });
        saved = file;
        task.meta.host = { host, how, version: running.version, weights };
      });

      it("with two threads: the same bits, or says why it has none", async ({ task }) => {
        const { weights, outputs, backend } = await running.run({ digits, options: { threads: 2 } });
        expect({ weights, outputs }).toEqual(expected);
        if (threads === 2) expect(backend).toEqual({ math: "exact", threads: 2 });
        else expect(backend).toEqual({ math: "exact", threads: 1, threadsReason: expect.stringMatching(threads) });
        task.meta.threads = backend.threadsReason ?? backend.threads;
      });

      it("with relaxed arithmetic: runs, or says why it has none", async ({ task }) => {
        const { weights, backend } = await running.run({ digits, options: { math: "relaxed" } });
        if (relaxed === true) {
          expect(backend).toEqual({ math: "relaxed", threads: 1 });
        } else {
          expect(backend).toEqual({ math: "exact", threads: 1, mathReason: expect.stringMatching(relaxed) });
          expect(weights).toBe(expected.weights);
        }
        task.meta.relaxed = backend.mathReason ?? true;
      });
    });
  }

  it("the first host computes the same with what the last one has saved", async () => {
    const running = await hosts[0].start(places());
    try {
      const { carried } = await running.run({ digits, model: saved });
      expect(carried).toBe(expected.outputs);
    } finally {
      await running.close?.();
    }
  });
}
