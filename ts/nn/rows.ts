/** Rows in batches. */
import { Tensor, type TensorLike, takeTensor } from "../tensor/tensor.js";

/** Batches that come as tensors, or rows in batches of this size; a last batch of a single row joins the one before it. */
export function* batchesOf(x: TensorLike | Iterable<Tensor>, batchSize: number): Generator<Tensor> {
  if (typeof x === "object" && Symbol.iterator in x && !ArrayBuffer.isView(x)) {
    const all = Array.from(x as Iterable<unknown>);
    if (all.length > 0 && all.every((t) => t instanceof Tensor)) {
      yield* all as Tensor[];
      return;
    }
  }
  const whole = new Tensor(takeTensor(x as TensorLike, "x"));
  try {
    const rows = whole.shape[0] ?? 0;
    for (let at = 0; at < rows; ) {
      const end = rows - (at + batchSize) <= 1 ? rows : at + batchSize;
      const part = whole.slice(0, at, end);
      try {
        yield part;
      } finally {
        part.dispose();
      }
      at = end;
    }
  } finally {
    whole.dispose();
  }
}
