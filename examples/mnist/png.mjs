// An image of the data set as a PNG that a page can carry in itself.
import { PNG } from "pngjs";

const GREY = 0;

/** A `data:` URI of a square of `side` by `side` bytes. MNIST's ink is 255; on paper ink is dark, so it is turned round. */
export function digitUri(bytes, side) {
  const image = { width: side, height: side, data: Buffer.from(bytes.map((byte) => 255 - byte)) };
  const png = PNG.sync.write(image, { colorType: GREY, inputColorType: GREY, inputHasAlpha: false });
  return `data:image/png;base64,${png.toString("base64")}`;
}
