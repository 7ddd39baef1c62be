/** Plain data on its way into the core and back: what JSON keeps, the bytes keep. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decode, encode } from "../../ts/wire.js";

describe("plain data as bytes", () => {
  it("comes back as from JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(decode(encode(value))).toEqual(value);
      }),
    );
  });
  it("leaves out undefined entries, and makes null of numbers that JSON lacks", () => {
    const value = { a: undefined, b: Number.NaN, c: [Number.POSITIVE_INFINITY, undefined], d: { e: true, f: "ü€𝄞" } };
    expect(decode(encode(value))).toEqual(JSON.parse(JSON.stringify(value)));
  });
  it("has one form: a number is nine bytes, a text its length and UTF-8", () => {
    expect([...encode(1)]).toEqual([3, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    expect([...encode({ é: [null, false] })]).toEqual([6, 1, 0, 0, 0, 2, 0, 0, 0, 0xc3, 0xa9, 5, 2, 0, 0, 0, 0, 1]);
  });
});
