/**
 * Settings and reports on their way into the core and out of it: plain data as bytes, in the format of the core's
 * `value/wire.rs`. One byte says what follows, all little-endian: 0 null, 1 false, 2 true, 3 a number, 4 a text, 5 a list, 6 a map.
 */

/** Plain data as bytes; as in JSON, `undefined` entries are left out and numbers that are not finite become null. */
export function encode(value: unknown): Uint8Array {
  const bytes: number[] = [];
  const scratch = new DataView(new ArrayBuffer(8));
  const put = (write: () => void, width: number) => {
    write();
    for (let i = 0; i < width; i++) bytes.push(scratch.getUint8(i));
  };
  const count = (n: number) => put(() => scratch.setUint32(0, n, true), 4);
  const text = (s: string) => {
    const utf8 = new TextEncoder().encode(s);
    count(utf8.length);
    for (const byte of utf8) bytes.push(byte);
  };
  const visit = (x: unknown): void => {
    if (typeof x === "number" && Number.isFinite(x)) {
      bytes.push(3);
      put(() => scratch.setFloat64(0, x, true), 8);
    } else if (typeof x === "boolean") bytes.push(x ? 2 : 1);
    else if (typeof x === "string") {
      bytes.push(4);
      text(x);
    } else if (Array.isArray(x)) {
      bytes.push(5);
      count(x.length);
      x.forEach(visit);
    } else if (typeof x === "object" && x !== null) {
      const entries = Object.entries(x).filter(([, inner]) => inner !== undefined);
      bytes.push(6);
      count(entries.length);
      for (const [key, inner] of entries) {
        text(key);
        visit(inner);
      }
    } else bytes.push(0);
  };
  visit(value);
  return Uint8Array.from(bytes);
}

/** What the core wrote. */
export function decode(bytes: Uint8Array): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const skip = (n: number) => {
    at += n;
    return at - n;
  };
  const count = () => view.getUint32(skip(4), true);
  const text = () => {
    const n = count();
    const from = skip(n);
    return new TextDecoder().decode(bytes.subarray(from, from + n));
  };
  const visit = (): unknown => {
    switch (view.getUint8(skip(1))) {
      case 0:
        return null;
      case 3:
        return view.getFloat64(skip(8), true);
      case 4:
        return text();
      case 5:
        return Array.from({ length: count() }, visit);
      case 6:
        return Object.fromEntries(Array.from({ length: count() }, () => [text(), visit()]));
      default:
        return bytes[at - 1] === 2;
    }
  };
  return visit();
}
