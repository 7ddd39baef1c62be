// Gradients that tensors hold, and the ends of handles: `using`, scopes, memory.
import { memory, nn, noGrad, Optimizer, ones, optim, scope, type Tensor, tensor, trimMemory } from "evenkeel";
import { describe, expect, it } from "vitest";
import { caught, values } from "./support.js";

describe("gradients", () => {
  it("of a formula worked out by hand", () => {
    const x = tensor([1, 2, 3]).tracked();
    const w = tensor([2, 0, -1]).tracked();
    x.mul(w).square().sum().backward();
    expect(values(x.grad as Tensor)).toEqual([8, 0, 6]);
    expect(values(w.grad as Tensor)).toEqual([4, 0, -18]);
    x.mul(3).sum().backward();
    expect(values(x.grad as Tensor)).toEqual([11, 3, 9]);
    x.zeroGrad();
    expect(x.grad).toBeUndefined();
  });
  it("with one given, not through detach, not under noGrad", () => {
    const x = tensor([1, 2]).tracked();
    x.square().backward(tensor([1, 10]));
    expect(values(x.grad as Tensor)).toEqual([2, 40]);
    expect(x.detach().mul(2).requiresGrad).toBe(false);
    expect(x.mul(2).requiresGrad).toBe(true);
    expect(noGrad(() => x.mul(2)).requiresGrad).toBe(false);
    expect(caught(() => noGrad(() => x.item())).code).toBe("NOT_SCALAR");
    expect(x.mul(2).requiresGrad).toBe(true);
  });
});

describe("handles", () => {
  it("`using` frees at the end of the block", () => {
    let kept: Tensor;
    {
      using t = ones([4]);
      kept = t;
      expect(t.disposed).toBe(false);
    }
    expect(kept.disposed).toBe(true);
  });
  it("a scope keeps what it returns and frees the rest, also when it throws", () => {
    const inside: Tensor[] = [];
    const make = () => {
      const t = ones([3]);
      inside.push(t);
      return t;
    };
    const { a, list } = scope(() => {
      const result = { a: make().add(1), list: [make()], other: 3 };
      make();
      return result;
    });
    expect(values(a)).toEqual([2, 2, 2]);
    expect((list[0] as Tensor).disposed).toBe(false);
    expect(inside.map((t) => t.disposed)).toEqual([true, false, true]);
    expect(() =>
      scope(() => {
        make();
        throw new Error("out");
      }),
    ).toThrow("out");
    expect(inside.at(-1)?.disposed).toBe(true);
    const outer = scope(() => {
      const t = scope(() => make());
      expect(t.disposed).toBe(false);
      return t.sum().item();
    });
    expect(outer).toBe(3);
    expect(inside.at(-1)?.disposed).toBe(true);
    expect(caught(() => scope(async () => 1)).message).toMatch(/synchronous/);
  });
  it("memory() tells what is held", () => {
    const before = memory().live;
    const t = ones([1000]);
    expect(memory().live - before).toBeGreaterThanOrEqual(4000);
    t.dispose();
    expect(memory().live).toBe(before);
    trimMemory();
    expect(memory().pooled).toBe(0);
    expect(memory().wasm).toBeGreaterThan(0);
  });
  it("a generator that frees what it has given is found out", () => {
    function* passing() {
      for (const parameter of nn.dense(2, 2).parameters()) {
        yield parameter;
        parameter.dispose();
      }
    }
    const groups = [{ parameters: passing(), optimizer: optim.sgd({ lr: 1 }) }];
    for (const call of [
      () => optim.clipGradNorm(passing(), 1),
      () => optim.clipGradValue(passing(), 1),
      () => new Optimizer(groups),
    ]) {
      expect(caught(call).code).toBe("DISPOSED");
    }
    expect(ones([2]).sum().item()).toBe(2);
  });
});
