/** `evenkeel/worker` where there are no workers (edge-light, workerd): the same names, and an error that says so. */
import { noWorker } from "./host.js";
import type { SpawnOptions } from "./index.js";
import type { Remote } from "./remote.js";

export type {
  LocalModel,
  Remote,
  RemoteEvaluateOptions,
  RemoteFitOptions,
  RemoteLoss,
  RemoteModel,
  SpawnOptions,
  WorkerLike,
} from "./index.js";

/** Fails with `WORKER_MISSING`: this host has no workers. */
export async function spawn(_options: SpawnOptions = {}): Promise<Remote> {
  throw noWorker();
}
