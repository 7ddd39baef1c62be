// The 1,797 digits of test/data: the first four fifths to train on, and the rest for testing.
import { readFile } from "node:fs/promises";
import { PIXELS } from "./net.mjs";

const TRAIN = 1437;
const RECORD = PIXELS + 1;

/** `{ train, test }`, each with rows of pixels from 0 to 16 and the labels. */
export async function loadDigits() {
  const bytes = await readFile(new URL("../../test/data/digits_8x8_u8.bin", import.meta.url));
  const part = (from, to) => {
    const records = Array.from({ length: to - from }, (_, i) =>
      bytes.subarray((from + i) * RECORD, (from + i + 1) * RECORD),
    );
    return {
      x: records.map((record) => Array.from(record.subarray(0, PIXELS))),
      y: records.map((record) => record[PIXELS]),
    };
  };
  return { train: part(0, TRAIN), test: part(TRAIN, bytes.length / RECORD) };
}

/** Somebody whose digits stand a pixel further left, as on a device with another margin: what is cut off reappears right. */
export function shifted({ x, y }) {
  const left = (row) => row.map((_, i) => row[i - (i % 8) + ((i + 1) % 8)]);
  return { x: x.map(left), y };
}
