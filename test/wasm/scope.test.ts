/**
 * What a scope frees and what it keeps; the garbage collector as the net beneath (PAIN.md: wasm-bindgen#3917, tfjs#4647).
 */
import { execFileSync } from "node:child_process";
import {
  full,
  indices,
  init,
  memory,
  nn,
  Optimizer,
  optim,
  scope,
  type Tensor,
  Trainer,
  tensor,
  trimMemory,
} from "evenkeel";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

beforeAll(() => init());
let atStart = 0;
beforeEach(() => {
  atStart = memory().live;
});
afterEach(() => expect(memory().live).toBe(atStart));

describe("scope", () => {
  it("keeps the tensor that it returns and frees the others", () => {
    const made: Tensor[] = [];
    const kept = scope(() => {
      made.push(tensor([1, 2]), tensor([3, 4]));
      return (made[0] as Tensor).add(made[1] as Tensor);
    });
    expect(made.map((t) => t.disposed)).toEqual([true, true]);
    expect([...kept.toArray()]).toEqual([4, 6]);
    kept.dispose();
  });

  it("keeps what is in arrays and plain objects, however deep, and indices too", () => {
    const kept = scope(() => {
      const x = tensor([[1, 5, 2]]);
      return { parts: [x.mul(2), { deep: x.argmax() }], twice: [x, x], number: 3 } as const;
    });
    const [double, { deep }] = kept.parts;
    expect([...double.toArray()]).toEqual([2, 10, 4]);
    expect([...deep.toArray()]).toEqual([1]);
    expect(kept.number).toBe(3);
    for (const t of [double, deep, kept.twice[0]]) t.dispose();
  });

  it("does not look into objects of a class: what they hold is freed", () => {
    class Holder {
      readonly tensor = tensor([1]);
    }
    expect(scope(() => new Holder()).tensor.disposed).toBe(true);
  });

  it("frees everything when its function throws, and passes the error on", () => {
    const made: Tensor[] = [];
    expect(() =>
      scope(() => {
        made.push(tensor([1]));
        throw new RangeError("mine");
      }),
    ).toThrow(new RangeError("mine"));
    expect(made[0]?.disposed).toBe(true);
  });

  it("leaves alone what was made before it", () => {
    const before = tensor([1]);
    scope(() => before.add(1).mul(2).sum().item());
    expect(before.item()).toBe(1);
    before.dispose();
  });

  it("hands what it keeps to the scope around it", () => {
    let inner: Tensor | undefined;
    const outer = scope(() => {
      inner = scope(() => tensor([1]).add(1));
      expect(inner.item()).toBe(2);
      return inner.add(1);
    });
    expect(inner?.disposed).toBe(true);
    expect(outer.item()).toBe(3);
    outer.dispose();
  });

  it("an outer scope that throws frees what an inner one kept", () => {
    let inner: Tensor | undefined;
    expect(() =>
      scope(() => {
        inner = scope(() => tensor([1]));
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(inner?.disposed).toBe(true);
  });

  it("bears what was disposed of inside", () => {
    expect(
      scope(() => {
        const t = tensor([1, 2]);
        const sum = t.sum().item();
        t.dispose();
        return sum;
      }),
    ).toBe(3);
  });

  it("frees gradients and the graph", () => {
    const x = scope(() => tensor([1, 2, 3]).tracked());
    scope(() => {
      x.square().sum().backward();
      expect([...(x.grad?.toArray() ?? [])]).toEqual([2, 4, 6]);
    });
    expect(memory().live).toBeGreaterThan(atStart);
    x.dispose();
  });

  it("refuses an async function, and frees what that has made by then", async () => {
    let made: Tensor | undefined;
    let running: Promise<void> | undefined;
    const call = () =>
      scope(() => {
        running = (async () => {
          made = tensor([1]);
          await null;
        })();
        return running;
      });
    expect(call).toThrow(expect.objectContaining({ code: "BAD_ARGUMENT" }));
    await running;
    expect(made?.disposed).toBe(true);
  });

  it("does not touch layers, parameters, optimizers and trainers made inside", () => {
    class Scaled extends nn.Module<2, 2> {
      readonly dense = nn.dense(2, 2);
      readonly scale = nn.parameter([1, 2], "norm");
      forward(x: Tensor): Tensor {
        return this.dense.forward(x).mul(this.scale);
      }
    }
    const [model, optimizer, trainer] = scope(() => {
      const model = new Scaled();
      return [model, new Optimizer(model, optim.sgd({ lr: 0.1 })), new Trainer(model, { loss: "mse" })] as const;
    });
    const before = [...model.scale.toArray()];
    scope(() => {
      model
        .forward(tensor([[1, 2]]))
        .sum()
        .backward();
      optimizer.step();
      optimizer.zeroGrad();
    });
    expect([...model.scale.toArray()]).not.toEqual(before);
    expect(trainer.step([[1, 2]], [[3, 4]]).loss).toBeGreaterThan(0);
    for (const handle of [trainer, optimizer, model]) handle.dispose();
  });

  it("handles on parameters go with the scope, the parameters stay", () => {
    const model = nn.dense(2, 2);
    const handles = scope(() => {
      const all = model.parameters();
      return { count: all.length, first: all[0]?.shape };
    });
    expect(handles).toEqual({ count: 2, first: [2, 2] });
    expect(model.predict([[1, 2]]).dispose()).toBeUndefined();
    model.dispose();
  });

  it("a parameter of one's own outlives the scope that it was made in", () => {
    const p = scope(() => nn.parameter([1, 2]));
    const holder = scope(() => new Map([["q", nn.parameter([3])]]));
    expect([...p.toArray(), holder.get("q")?.item()]).toEqual([1, 2, 3]);
    p.dispose();
    holder.get("q")?.dispose();
  });
});

describe("the garbage collector is a net, not the mechanism (wasm-bindgen#3917)", () => {
  it("2,000,000 tensors in a loop inside scope: memory stays", () => {
    const x = tensor([1, 2, 3, 4]);
    const run = (times: number) => {
      for (let i = 0; i < times; i++) {
        scope(() => {
          x.add(1).relu();
        });
      }
    };
    run(1000);
    const before = memory();
    run(1_000_000);
    expect(memory()).toEqual(before);
    x.dispose();
  });

  it("2,000,000 tensors disposed of by hand: memory stays", () => {
    const x = full([4], 1);
    const run = (times: number) => {
      for (let i = 0; i < times; i++) x.neg().dispose();
    };
    run(1000);
    const before = memory();
    run(2_000_000);
    expect(memory()).toEqual(before);
    x.dispose();
  });

  it("without them nothing is freed in synchronous code, and all of it in the turns that follow", () => {
    // Collections can be asked for only in a process that was started for it.
    const entry = new URL("../../dist/index.js", import.meta.url).href;
    const program = `
      const { init, memory, nn, tensor, Trainer } = await import(${JSON.stringify(entry)});
      await init();
      const leak = () => {
        for (let i = 0; i < 10000; i++) tensor([i, 1, 2, 3]);
        const model = nn.sequential(nn.dense(100, 100), nn.batchNorm(100));
        new Trainer(model, { loss: "mse" }).step({ data: new Float32Array(400), shape: [4, 100] }, { data: new Float32Array(400), shape: [4, 100] });
      };
      leak();
      gc();
      const held = memory().live;
      for (let turn = 0; turn < 50 && memory().live > 0; turn++) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      console.log(JSON.stringify({ held, left: memory().live }));
    `;
    const args = ["--expose-gc", "--input-type=module", "-e", program];
    const { held, left } = JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }));
    expect(held).toBeGreaterThanOrEqual(10_000 * 16);
    expect(left).toBe(0);
  });
});

describe("trimMemory", () => {
  it("gives what is kept for reuse back", () => {
    for (const t of [full([1000], 1), full([5000], 1), indices([1, 2, 3])]) t.dispose();
    expect(memory().pooled).toBeGreaterThan(0);
    trimMemory();
    expect(memory()).toMatchObject({ pooled: 0, live: atStart });
  });
});
