// Tensor operations against values worked out by hand.
import { arange, concat, ones, stack, type Tensor, tensor, where, zeros } from "evenkeel";
import { describe, expect, it } from "vitest";
import { numbers, values } from "./support.js";

const m = tensor([
  [1, -2, 3],
  [4, 5, -6],
]);

describe("operations", () => {
  it.each<[string, Tensor, unknown]>([
    [
      "add",
      m.add([10, 20, 30]),
      [
        [11, 18, 33],
        [14, 25, 24],
      ],
    ],
    [
      "add a number",
      m.add(1),
      [
        [2, -1, 4],
        [5, 6, -5],
      ],
    ],
    [
      "sub",
      m.sub([[1], [2]]),
      [
        [0, -3, 2],
        [2, 3, -8],
      ],
    ],
    [
      "mul",
      m.mul(m),
      [
        [1, 4, 9],
        [16, 25, 36],
      ],
    ],
    [
      "div",
      m.div(2),
      [
        [0.5, -1, 1.5],
        [2, 2.5, -3],
      ],
    ],
    [
      "pow",
      m.pow(2),
      [
        [1, 4, 9],
        [16, 25, 36],
      ],
    ],
    [
      "minimum",
      m.minimum(0),
      [
        [0, -2, 0],
        [0, 0, -6],
      ],
    ],
    [
      "maximum",
      m.maximum([0, 0, 0]),
      [
        [1, 0, 3],
        [4, 5, 0],
      ],
    ],
    [
      "eq",
      m.eq(5),
      [
        [0, 0, 0],
        [0, 1, 0],
      ],
    ],
    [
      "ne",
      m.ne(5),
      [
        [1, 1, 1],
        [1, 0, 1],
      ],
    ],
    [
      "lt",
      m.lt(1),
      [
        [0, 1, 0],
        [0, 0, 1],
      ],
    ],
    [
      "le",
      m.le(1),
      [
        [1, 1, 0],
        [0, 0, 1],
      ],
    ],
    [
      "gt",
      m.gt(1),
      [
        [0, 0, 1],
        [1, 1, 0],
      ],
    ],
    [
      "ge",
      m.ge(1),
      [
        [1, 0, 1],
        [1, 1, 0],
      ],
    ],
    [
      "where",
      where(m.gt(0), m, zeros([])),
      [
        [1, 0, 3],
        [4, 5, 0],
      ],
    ],
    [
      "neg",
      m.neg(),
      [
        [-1, 2, -3],
        [-4, -5, 6],
      ],
    ],
    [
      "abs",
      m.abs(),
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    ],
    [
      "sign",
      m.sign(),
      [
        [1, -1, 1],
        [1, 1, -1],
      ],
    ],
    [
      "square",
      m.square(),
      [
        [1, 4, 9],
        [16, 25, 36],
      ],
    ],
    [
      "relu",
      m.relu(),
      [
        [1, 0, 3],
        [4, 5, 0],
      ],
    ],
    [
      "clip",
      m.clip(-1, 2),
      [
        [1, -1, 2],
        [2, 2, -1],
      ],
    ],
    ["sqrt", tensor([4, 9]).sqrt(), [2, 3]],
    ["rsqrt", tensor([4, 0.25]).rsqrt(), [0.5, 2]],
    ["reciprocal", tensor([4, -0.5]).reciprocal(), [0.25, -2]],
    [
      "matmul",
      m.matmul(
        tensor([
          [1, 0],
          [0, 1],
          [1, 1],
        ]),
      ),
      [
        [4, 1],
        [-2, -1],
      ],
    ],
    ["matmul with a vector", m.matmul(tensor([1, 1, 1])), [2, 3]],
    ["matmul in batches", ones([2, 1, 3]).matmul(ones([3, 2])), [[[3, 3]], [[3, 3]]]],
    ["sum", m.sum(), 5],
    ["sum over rows", m.sum(0), [5, 3, -3]],
    ["sum, axes kept", m.sum([0, 1], true), [[5]]],
    ["mean", m.mean(-1, true), [[2 / 3], [1]]],
    ["var", tensor([1, 2, 3, 4]).var(undefined, { correction: 0 }), 1.25],
    ["std", tensor([1, 2, 3, 4, 5]).std().square(), 2.5],
    ["max", m.max(1), [3, 5]],
    ["min", m.min(0, true), [[1, -2, -6]]],
    ["softmax", tensor([0, 0]).softmax(), [0.5, 0.5]],
    [
      "logSumExp",
      tensor([[10, 10]])
        .logSumExp(-1)
        .sub(10),
      [Math.LN2],
    ],
    [
      "logSoftmax",
      tensor([[3, 3]])
        .logSoftmax()
        .neg(),
      [[Math.LN2, Math.LN2]],
    ],
    [
      "reshape",
      m.reshape([3, -1]),
      [
        [1, -2],
        [3, 4],
        [5, -6],
      ],
    ],
    [
      "permute",
      m.permute([1, 0]),
      [
        [1, 4],
        [-2, 5],
        [3, -6],
      ],
    ],
    [
      "transpose",
      m.transpose(),
      [
        [1, 4],
        [-2, 5],
        [3, -6],
      ],
    ],
    [
      "slice",
      m.slice(1, 1, 3),
      [
        [-2, 3],
        [5, -6],
      ],
    ],
    [
      "gather",
      m.gather([1, 1, 0]),
      [
        [4, 5, -6],
        [4, 5, -6],
        [1, -2, 3],
      ],
    ],
    [
      "expand",
      tensor([[1], [2]]).expand([2, 2]),
      [
        [1, 1],
        [2, 2],
      ],
    ],
    ["concat", concat([tensor([[1]]), tensor([[2]])], 1), [[1, 2]]],
    ["stack, last", stack([tensor([1, 2]), tensor([3, 4])], -1).slice(0, 0, 1), [[1, 3]]],
    [
      "stack",
      stack([tensor([1, 2]), tensor([3, 4])], 1),
      [
        [1, 3],
        [2, 4],
      ],
    ],
  ])("%s", (_, result, want) => {
    const close = (v: unknown): unknown => (Array.isArray(v) ? v.map(close) : expect.closeTo(v as number, 5));
    expect(result.toNested()).toEqual(close(want));
  });
  it.each<[string, (t: Tensor) => Tensor, (x: number) => number]>([
    ["exp", (t) => t.exp(), Math.exp],
    ["log", (t) => t.log(), Math.log],
    ["log1p", (t) => t.log1p(), Math.log1p],
    ["expm1", (t) => t.expm1(), Math.expm1],
    ["sin", (t) => t.sin(), Math.sin],
    ["cos", (t) => t.cos(), Math.cos],
    ["tanh", (t) => t.tanh(), Math.tanh],
    ["sigmoid", (t) => t.sigmoid(), (x) => 1 / (1 + Math.exp(-x))],
  ])("%s as the host computes it, to float32's accuracy", (_, f, want) => {
    const x = numbers(200).map((v) => Math.abs(v * 4) + 0.01);
    values(f(tensor(x))).forEach((v, i) => {
      const right = want(x[i] as number);
      expect(Math.abs(v - right)).toBeLessThanOrEqual(2e-6 * Math.max(1, Math.abs(right)));
    });
  });
  it("argmax and argmin take the first", () => {
    expect(
      values(
        tensor([
          [1, 3, 3],
          [0, 0, -1],
        ]).argmax(),
      ),
    ).toEqual([1, 0]);
    expect(
      values(
        tensor([
          [1, 3, 3],
          [0, 0, -1],
        ]).argmin(0),
      ),
    ).toEqual([1, 1, 1]);
    expect(m.argmax(0).shape).toEqual([3]);
  });
  it("shows itself", () => {
    expect(String(m)).toBe("Tensor [2, 3] { 1, -2, 3, 4, 5, -6 }");
    expect(String(arange(9))).toBe("Tensor [9] { 0, 1, 2, 3, 4, 5, 6, 7, ... }");
    expect([m.rank, m.size]).toEqual([2, 6]);
  });
  it("lends its values, and takes others", () => {
    const t = tensor([1, 2, 3]);
    expect(t.withData((v) => v.reduce((a, b) => a + b))).toBe(6);
    t.assign([4, 5, 6]);
    expect(values(t)).toEqual([4, 5, 6]);
    t.assign(t.mul(2));
    expect(values(t)).toEqual([8, 10, 12]);
  });
});
