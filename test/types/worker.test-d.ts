// Types of evenkeel/worker: what can be sent compiles, what cannot does not, and models fit.
import { indices, metrics, nn, optim, type State, schedule, tensor } from "evenkeel";
import { type Remote, type RemoteModel, spawn } from "evenkeel/worker";
import { describe, expectTypeOf, it } from "vitest";

declare const remote: Remote;
declare const net: RemoteModel;
const data = { x: [[1, 2]], y: [0] };

describe("spawn", () => {
  it("takes a worker, and what init takes", () => {
    expectTypeOf(spawn()).resolves.toEqualTypeOf<Remote>();
    spawn({ threads: "auto", math: "relaxed", wasm: { url: "evenkeel.wasm" } });
    spawn({ worker: () => new Worker("worker.js") });
    // @ts-expect-error: a response cannot be sent
    spawn({ wasm: { response: fetch("evenkeel.wasm") } });
  });
});

describe("fit", () => {
  it("takes models of built-in layers, and the options of both", () => {
    const model = nn.sequential(nn.dense(2, 3), nn.relu());
    remote.fit(model, {
      ...data,
      loss: "crossEntropy",
      optimizer: optim.sgd(),
      schedule: schedule.step({ stepSize: 1 }),
    });
    net.fit({ x: tensor([[1]]), y: indices([0]), loss: { type: "nll" }, metrics: ["f1"], validation: 0.1, epochs: 2 });
    // @ts-expect-error: the loss is missing
    net.fit(data);
  });
  it("refuses what cannot be sent", () => {
    // @ts-expect-error: a loss of one's own
    net.fit({ ...data, loss: (output) => output.mean() });
    // @ts-expect-error: a metric of one's own
    net.fit({ ...data, loss: "mse", metrics: [metrics.topK(3)], validation: 0.1 });
    // @ts-expect-error: an iterable
    net.fit({ batches: [], loss: "mse" });
    // @ts-expect-error: a class of one's own has no description
    remote.fit(undefined as unknown as nn.Module, { ...data, loss: "mse" });
  });
});

describe("a remote model", () => {
  it("gives values, not tensors", () => {
    expectTypeOf(net.predict([[1]])).resolves.toEqualTypeOf<{ data: Float32Array; shape: readonly number[] }>();
    expectTypeOf(net.state()).resolves.toEqualTypeOf<State>();
    expectTypeOf(remote.load({ type: "relu" })).resolves.toEqualTypeOf<RemoteModel>();
  });
  it("ends with its block", async () => {
    using own = await spawn();
    using model = await own.load(nn.dense(1, 1));
    await model.save();
  });
});
