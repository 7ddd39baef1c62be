// Properties of tensor operations over many shapes and values.
import { concat, randn, tensor } from "evenkeel";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { values } from "./support.js";

describe("properties", () => {
  const float = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 });
  const shape = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });
  const shaped = shape.chain((dims) => {
    const n = dims.reduce((a, b) => a * b, 1);
    return fc.record({ shape: fc.constant(dims), data: fc.array(float, { minLength: n, maxLength: n }) });
  });
  it("nested arrays come back as they went", () => {
    fc.assert(
      fc.property(shaped, ({ data, shape: dims }) => {
        const t = tensor(data, dims);
        const back = tensor(t.toNested() as number[]);
        expect(back.shape).toEqual(dims);
        expect(values(back)).toEqual(Array.from(Float32Array.from(data)));
      }),
    );
  });
  it("permuting there and back changes nothing, and sums do not care", () => {
    fc.assert(
      fc.property(shaped, ({ data, shape: dims }) => {
        const t = tensor(data, dims);
        const order = dims.map((_, i) => (i + 1) % dims.length);
        const back = order.map((_, i) => order.indexOf(i));
        expect(values(t.permute(order).permute(back))).toEqual(values(t));
        expect(t.permute(order).sum().item()).toBeCloseTo(t.sum().item(), 1);
      }),
    );
  });
  it("slices joined are the whole", () => {
    fc.assert(
      fc.property(shaped, fc.nat(), fc.nat(), ({ data, shape: dims }, a, b) => {
        const t = tensor(data, dims);
        const axis = a % dims.length;
        const n = dims[axis] as number;
        const cut = b % (n + 1);
        expect(values(concat([t.slice(axis, 0, cut), t.slice(axis, cut, n)], axis))).toEqual(values(t));
      }),
    );
  });
  it("a + b − b is a, to a rounding; a·b is b·a; broadcasting is expanding", () => {
    fc.assert(
      fc.property(shaped, float, ({ data, shape: dims }, s) => {
        const [a, b] = [tensor(data, dims), tensor(s)];
        expect(values(a.mul(b))).toEqual(values(b.mul(a)));
        expect(values(a.add(b))).toEqual(values(a.add(b.expand(dims))));
        values(a.add(b).sub(b)).forEach((v, i) => {
          expect(Math.abs(v - Math.fround(data[i] as number))).toBeLessThanOrEqual(2e-4);
        });
      }),
    );
  });
  it("softmax sums to 1 along its axis", () => {
    fc.assert(
      fc.property(shaped, fc.nat(), ({ data, shape: dims }, a) => {
        for (const s of values(
          tensor(data, dims)
            .softmax(a % dims.length)
            .sum(a % dims.length),
        ))
          expect(s).toBeCloseTo(1, 5);
      }),
    );
  });
  it("(AB)ᵀ is BᵀAᵀ", () => {
    const size = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(size, size, size, fc.nat(1000), (p, q, r, seed) => {
        const [a, b] = [randn([p, q], { seed }), randn([q, r], { seed: seed + 1 })];
        const [one, two] = [a.matmul(b).transpose(), b.transpose().matmul(a.transpose())];
        values(one).forEach((v, i) => {
          expect(v).toBeCloseTo(values(two)[i] as number, 4);
        });
      }),
    );
  });
});
