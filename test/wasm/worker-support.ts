/** What the tests of `evenkeel/worker` in Node share: a worker for each file of them, and something to train on. */
import { type Remote, spawn } from "evenkeel/worker";
import { afterAll, beforeAll } from "vitest";
import { classData } from "../unit/support.js";

export const data = classData(203);
/** Longer than any test: it ends by being told to. */
export const endless = { ...data, epochs: 1e9, loss: "crossEntropy" } as const;

export let remote: Remote;
beforeAll(async () => {
  remote = await spawn();
});
afterAll(() => remote.dispose());
