/**
 * The prose of errors that come out of the core, made from their code and data. Each says what happened, where,
 * what was expected and given, and what to do.
 */

type Data = Readonly<Record<string, unknown>>;

const show = (value: unknown): string =>
  Array.isArray(value) ? `[${value.join(", ")}]` : value === undefined ? "nothing" : String(value);

const list = (value: unknown): string => (Array.isArray(value) ? value.join(", ") : "");

const texts: Record<string, (d: Data) => string> = {
  SHAPE_MISMATCH: (d) => {
    if (d["other"] !== undefined) {
      return `${show(d["op"])}: shapes ${show(d["given"])} and ${show(d["other"])} do not fit together.`;
    }
    const features = d["features"] === undefined ? "" : ` with ${show(d["features"])} features`;
    const values = d["values"] === undefined ? "" : ` for ${show(d["values"])} values`;
    return `${show(d["op"])} expects ${show(d["expected"])}${features} but was given ${show(d["given"])}${values}.`;
  },
  OUT_OF_RANGE: (d) => {
    const size = d["length"] ?? d["shape"];
    const given = d["given"] ?? `${show(d["start"])}..${show(d["end"])}`;
    return `${show(d["argument"])} ${show(given)} is out of range${size === undefined ? "" : ` for ${show(size)}`}.`;
  },
  BAD_ARGUMENT: (d) => `${show(d["argument"])} should be ${show(d["expected"])} but is ${show(d["given"])}.`,
  BATCH_NORM_ONE_VALUE: (d) =>
    `Batch norm cannot train on one value a channel: input ${show(d["given"])} with ${show(d["features"])} channels. ` +
    "Its variance would be 0. Use a larger batch (fit does, with lastBatch 'auto' or 'drop'), freeze() the layer, " +
    "or normalise within a sample (group norm).",
  LABEL_OUT_OF_RANGE: (d) =>
    `Label ${show(d["label"])} in row ${show(d["row"])} is not one of the ${show(d["classes"])} classes: ` +
    `labels go from 0 to ${Number(d["classes"]) - 1}.`,
  NOT_FINITE: (d) =>
    d["row"] === undefined
      ? `${show(d["argument"])} has a value in column ${show(d["column"])} that is not finite.`
      : `${show(d["argument"])} is ${show(d["given"])} at row ${show(d["row"])}, column ${show(d["column"])}. ` +
        "Remove or replace such values before training.",
  LOSS_NOT_FINITE: (d) =>
    `The loss is ${show(d["loss"])} in epoch ${show(d["epoch"])} after ${show(d["step"])} updates` +
    `${d["layer"] ? `; the first output that is not finite is that of layer ${show(d["layer"])} (${show(d["kind"])})` : ""}. ` +
    "Nothing was updated. Try a smaller learning rate, normalised features (nn.featureNorm), or clip: { norm: 1 }.",
  NOT_SCALAR: (d) =>
    `This needs one value, but the tensor has shape ${show(d["shape"])}. Reduce it first (mean(), sum()) or pass a gradient.`,
  NO_GRAPH: () =>
    "Nothing was recorded for this tensor: no operation on a tracked tensor led to it (or it was computed under noGrad).",
  GRAPH_FREED: () => "The graph behind this tensor was used up by an earlier backward(). Compute the loss anew.",
  GRAPH_STALE: (d) =>
    `A parameter of shape ${show(d["shape"])} was changed between forward and backward. Call backward() before step().`,
  WRONG_MODE: (d) => `This call does not fit here: ${show(d["reason"])}.`,
  BAD_FILE: (d) =>
    `The file cannot be read: ${show(d["reason"])}${d["name"] === undefined ? "" : ` (${show(d["name"])})`}.`,
  UNKNOWN_LAYER: (d) => `Layer "${show(d["given"])}" is not one that this version knows.`,
  STATE_MISMATCH: (d) =>
    `The state does not fit the model. Missing: ${list(d["missing"]) || "none"}. ` +
    `Unexpected: ${list(d["unexpected"]) || "none"}. Misshapen: ${list(d["misshapen"]) || "none"}. ` +
    "Nothing was changed; { strict: false } takes what fits.",
  EMPTY: (d) =>
    d["batchSize"] === undefined
      ? `${show(d["argument"])} is empty.`
      : `${show(d["rows"])} rows do not fill one batch of ${show(d["batchSize"])}, and short batches are dropped.`,
  NOT_ADAPTED: () => "Feature norm has no statistics yet: call adapt(x) with the training data first.",
  OUT_OF_MEMORY: (d) =>
    `There is no memory for ${show(d["wanted"])} bytes more; ${show(d["live"])} are in use. ` +
    "Use smaller batches, and dispose of tensors you hold (memory() tells).",
};

/** The text for an error of the core. */
export function messageOf(code: string, layer: string, data: Data): string {
  const text = texts[code]?.({ ...data, layer }) ?? `Error ${code}.`;
  if (layer === "" || code === "LOSS_NOT_FINITE") return text;
  return `Layer ${layer}${data["kind"] === undefined ? "" : ` (${show(data["kind"])})`}: ${text}`;
}
