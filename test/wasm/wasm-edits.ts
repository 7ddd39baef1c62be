/**
 * The shipped wasm with a fault of some host in it: no memory, a trap, SIMD that computes wrong numbers. Each gives the
 * bytes of a module that is valid and otherwise the same.
 */

interface Section {
  readonly id: number;
  readonly body: Uint8Array;
}

/** A number in LEB128. */
function leb(n: number): number[] {
  const out: number[] = [];
  for (let rest = n; ; rest >>>= 7) {
    if (rest < 0x80) return [...out, rest];
    out.push((rest & 0x7f) | 0x80);
  }
}

/** Reads numbers, names and bytes one after the other. */
class Reader {
  readonly #bytes: Uint8Array;
  at: number;
  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }
  get done(): boolean {
    return this.at >= this.#bytes.length;
  }
  byte(): number {
    return this.#bytes[this.at++] as number;
  }
  number(): number {
    let n = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      n |= (byte & 0x7f) << shift;
      if (byte < 0x80) return n >>> 0;
    }
  }
  take(length: number): Uint8Array {
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }
  name(): string {
    return new TextDecoder().decode(this.take(this.number()));
  }
}

function sections(bytes: Uint8Array): Section[] {
  const reader = new Reader(bytes, 8);
  const found: Section[] = [];
  while (!reader.done) found.push({ id: reader.byte(), body: reader.take(reader.number()) });
  return found;
}

/** The module with one section's body made anew. */
function edited(bytes: Uint8Array, id: number, edit: (body: Uint8Array) => number[]): Uint8Array<ArrayBuffer> {
  const out = [...bytes.subarray(0, 8)];
  for (const section of sections(bytes)) {
    const body = section.id === id ? edit(section.body) : [...section.body];
    out.push(section.id, ...leb(body.length));
    for (const byte of body) out.push(byte);
  }
  return new Uint8Array(out);
}

const memorySection = 5;
const importSection = 2;
const exportSection = 7;
const codeSection = 10;

/** A host that gives the core no more than so many pages of 64 KiB. */
export function withMemoryLimit(bytes: Uint8Array, pages: number): Uint8Array<ArrayBuffer> {
  return edited(bytes, memorySection, (body) => {
    const reader = new Reader(body);
    reader.number();
    reader.byte();
    return [1, 1, ...leb(reader.number()), ...leb(pages)];
  });
}

function importedFunctions(bytes: Uint8Array): number {
  const { body } = sections(bytes).find((s) => s.id === importSection) as Section;
  const reader = new Reader(body);
  let functions = 0;
  for (let left = reader.number(); left > 0; left--) {
    reader.name();
    reader.name();
    const kind = reader.byte();
    if (kind === 0) {
      reader.number();
      functions++;
    } else if (kind === 2) {
      // A memory: flags, its least size, its greatest if it has one.
      if (reader.byte() & 1) reader.number();
      reader.number();
    } else throw new Error(`an import of kind ${kind}`);
  }
  return functions;
}

function exportedFunction(bytes: Uint8Array, wanted: string): number {
  const { body } = sections(bytes).find((s) => s.id === exportSection) as Section;
  const reader = new Reader(body);
  for (let left = reader.number(); left > 0; left--) {
    const [name, kind, index] = [reader.name(), reader.byte(), reader.number()];
    if (name === wanted && kind === 0) return index;
  }
  throw new Error(`no exported function ${wanted}`);
}

/** A core that traps in this exported function, as a panic does. */
export function withTrapIn(bytes: Uint8Array, name: string): Uint8Array<ArrayBuffer> {
  const target = exportedFunction(bytes, name) - importedFunctions(bytes);
  return edited(bytes, codeSection, (body) => {
    const reader = new Reader(body);
    const count = reader.number();
    const out = leb(count);
    for (let i = 0; i < count; i++) {
      const code = reader.take(reader.number());
      // No locals, `unreachable`, `end`.
      const kept = i === target ? [0, 0x00, 0x0b] : [...code];
      out.push(...leb(kept.length));
      for (const byte of kept) out.push(byte);
    }
    return out;
  });
}

/** A device whose `f32x4.mul` adds. */
export function withWrongSimd(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes);
  for (let i = 0; i + 2 < out.length; i++) {
    if (out[i] === 0xfd && out[i + 1] === 0xe6 && out[i + 2] === 0x01) out[i + 1] = 0xe4;
  }
  return out;
}
