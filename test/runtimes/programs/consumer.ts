// What a user's program in TypeScript may write, and what must not compile. Type-checked, not run.
import { type Backend, init, nn, type StartOptions, Trainer } from "evenkeel";

const options: StartOptions = { threads: 2, math: "relaxed" };

export async function train(): Promise<number> {
  await init(options);
  const model = nn.sequential(nn.dense(64, 128), nn.batchNorm(128), nn.relu(), nn.dense(128, 10));
  const trainer = new Trainer(model, { loss: "crossEntropy" });
  const { loss } = trainer.step({ data: new Float32Array(128), shape: [2, 64] }, [0, 1]);
  return loss;
}

export const threads = (backend: Backend): number => backend.threads;

// @ts-expect-error: 128 features do not go into a layer of 64.
export const wrong = () => nn.sequential(nn.dense(64, 128), nn.batchNorm(64));

// @ts-expect-error: a number of threads is no text.
export const alsoWrong: StartOptions = { threads: "2" };
