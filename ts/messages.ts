/**
 * The prose of errors that come out of the core, made from their code and data. Each says what happened, where,
 * what was expected and given, and what to do. The core's names are turned into those of this API first.
 */

type Data = Readonly<Record<string, unknown>>;

const show = (value: unknown): string =>
  Array.isArray(value) ? `[${value.join(", ")}]` : value === undefined ? "nothing" : String(value);

const list = (value: unknown): string => (Array.isArray(value) && value.length > 0 ? value.join(", ") : "none");

/** What goes by another name here, beside snake case. */
const names: Record<string, string> = {
  linear: "dense",
  beta1: "betas[0]",
  beta2: "betas[1]",
  decoupled: "decoupledWeightDecay",
  t_0: "t0",
};
const camel = (text: string): string => text.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** A name of this API as the core spells it. */
export const snake = (text: string): string => text.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A core's name for a layer, setting or operation as this API spells it. */
export const nameOf = (name: string): string => names[name] ?? camel(name);

/** An error's data in this API's names. */
export function translated(data: Data): Record<string, unknown> {
  const all: Record<string, unknown> = { ...data };
  for (const key of ["kind", "argument", "op"]) if (typeof all[key] === "string") all[key] = nameOf(all[key]);
  if (typeof all["expected"] === "string") {
    const usable = /^a value this (optimizer|schedule) can use$/.test(all["expected"]);
    all["expected"] = usable ? (ranges[String(all["argument"])] ?? "at least 0") : camel(all["expected"]);
  }
  return all;
}

/** Two shapes that do not fit together, by what was to be done with them. */
const pairs: Record<string, (a: string, b: string, d: Data) => string> = {
  "data set": (a, b, d) =>
    `x of shape ${a} and y of shape ${b} have different numbers of rows.` +
    ((d["given"] as unknown[]).length === 1
      ? " Numbers in a row need a shape: { data, shape: [rows, features] }."
      : ""),
  "sample weights": (a, b) =>
    `sampleWeight of shape ${b} does not have one value for each row of x, whose shape is ${a}.`,
  loss: (a, b) =>
    `The loss cannot compare predictions of shape ${a} with targets of shape ${b}. ` +
    "Values need the predictions' shape; class labels are one whole number a row.",
  residual: (a, b) => `A residual body has to keep the shape, to be added: it made ${b} of ${a}.`,
  parallel: (a, b) => `The branches' outputs ${a} and ${b} do not fit together.`,
  broadcast: (a, b) =>
    `The shapes ${a} and ${b} do not fit together: from the last axis back, extents must be equal or 1.`,
  where: (a, b, d) => `The shapes ${show(d["condition"])}, ${a} and ${b} of condition, yes and no do not fit together.`,
  matmul: (a, b) =>
    `matmul cannot multiply ${a} by ${b}: the last axis of the first must be as long as the last but one of the second.`,
  reshape: (a, b) => `reshape cannot turn ${a} into ${b}: both must hold the same number of values.`,
  expand: (a, b) => `expand cannot turn ${a} into ${b}: only axes of extent 1 grow.`,
  backward: (a, b) => `The gradient's shape ${b} is not that of the tensor, ${a}.`,
};

function shapeMismatch(d: Data): string {
  const { op, given, other, features, values, classes } = d;
  const expected = String(d["expected"]);
  if (other !== undefined) {
    const [a, b] = [show(given), show(other)];
    return pairs[String(op)]?.(a, b, d) ?? `${show(op)}: the shapes ${a} and ${b} do not fit together.`;
  }
  if (features !== undefined && Array.isArray(given)) {
    const channels = expected.startsWith("[N, C");
    const symbol = channels ? "C" : /(\w+)\]$/.exec(expected)?.[1];
    const own = channels ? given[1] : given[given.length - 1];
    const advice =
      own === undefined || own === features
        ? ""
        : ` Make it a layer of ${own} features, or change what comes before it.`;
    return `${show(op)} expects ${expected} with ${symbol} = ${show(features)} but was given ${show(given)}.${advice}`;
  }
  const of =
    values !== undefined
      ? ` for ${values} value${values === 1 ? "" : "s"}`
      : classes !== undefined
        ? ` for ${classes} classes`
        : "";
  const what = op === "loss" ? "The loss" : op === "shape" ? "A tensor's shape" : show(op);
  return `${what} expects ${expected} but was given ${show(given)}${of}.`;
}

/** What settings of optimizers and schedules may be, where it is not "at least 0". */
const ranges: Record<string, string> = {
  ...Object.fromEntries(
    ["betas[0]", "betas[1]", "baseMomentum", "maxMomentum"].map((k) => [k, "at least 0 and below 1"]),
  ),
  ...Object.fromEntries(["alpha", "rho", "endFactor", "pctStart"].map((k) => [k, "between 0 and 1"])),
  ...Object.fromEntries(["gamma", "divFactor", "finalDivFactor"].map((k) => [k, "above 0"])),
  ...Object.fromEntries(["stepSize", "tMax", "t0", "tMult", "totalIters", "totalSteps"].map((k) => [k, "at least 1"])),
  dampening: "0 where nesterov is on",
  startFactor: "above 0 and at most 1",
  factor: "at least 0 and at most 1 (below 1 for a plateau)",
  milestones: "ascending and, for a sequence, one fewer than its schedules",
  of: "schedules other than a plateau",
};

function badArgument(d: Data): string {
  const { argument, expected, given, row } = d;
  if (argument === "parameters") {
    return `A parameter of shape ${show(given)} is given twice: each may be in one group, once.`;
  }
  if (argument === "decay" && given === "both") {
    return "Give momentum or decay, not both: they say the same, decay = 1 − momentum.";
  }
  if (argument === "statistics" && given === "running") {
    return 'statistics: "running" needs running statistics: it does not go with trackRunningStats: false.';
  }
  if (given === "a tracked tensor") return "The target tracks gradients, which this loss has none for: detach() it.";
  if (argument === "target") return `The loss's target should be ${show(expected)} but is ${show(given)}.`;
  if (argument === "momentum" && given === 0) return "nesterov needs a momentum above 0.";
  if (argument === "stratify") return "stratify needs class labels to go by, but y holds values.";
  const where = row === undefined ? "" : ` in row ${show(row)}`;
  const quoted = typeof given === "string" && /^[a-z]\w*$/i.test(given) && !/^(NaN|Infinity|nothing)$/.test(given);
  return `${show(argument)} should be ${show(expected)} but is ${quoted ? `"${given}"` : show(given)}${where}.`;
}

function outOfRange(d: Data): string {
  const { argument, given, shape, length, start, end } = d;
  if (argument === "slice") return `slice ${show(start)}..${show(end)} does not lie within an axis of ${show(length)}.`;
  if (argument === "row") return `Row ${show(given)} does not exist: there are ${show(length)}.`;
  if (argument === "start") return `flatten cannot start at axis ${show(given)}: its input has fewer.`;
  if (argument === "axis")
    return `Axis ${show(given)} does not exist${shape === undefined ? "" : ` in the shape ${show(shape)}`}.`;
  return `${show(argument)} ${show(given ?? `${show(start)}..${show(end)}`)} is out of range.`;
}

/** What is missing, by what is empty. */
const empties: Record<string, string> = {
  x: "x has no rows.",
  parameters: "There is nothing to train: the model has no parameters.",
  parts: "There is nothing to join: no parts were given.",
  axis: "An axis without values has no largest or smallest.",
  branches: "parallel needs at least one branch.",
};

const texts: Record<string, (d: Data) => string> = {
  SHAPE_MISMATCH: shapeMismatch,
  OUT_OF_RANGE: outOfRange,
  BAD_ARGUMENT: badArgument,
  BATCH_NORM_ONE_VALUE: (d) =>
    `Batch norm cannot train on one value a channel, whose variance is 0: its input is ${show(d["given"])} with ` +
    `${show(d["features"])} channels. Use a larger batch, merge or drop a last batch of one row (fit does), ` +
    "freeze() the layer, or normalise within a sample (group norm).",
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
    `${
      d["kind"] === undefined
        ? ""
        : `; the first output that is not finite is that of ${d["layer"] ? `layer ${d["layer"]}` : "the model"} (${d["kind"]})`
    }. ` +
    "Nothing was updated. Try a smaller learning rate, normalised features (nn.featureNorm), or clip: { norm: 1 }.",
  NOT_SCALAR: (d) =>
    `This needs one value, but the tensor has shape ${show(d["shape"])}. Reduce it first (mean(), sum()) or pass a gradient.`,
  NO_GRAPH: () =>
    "Nothing was recorded for this tensor: no operation on a tracked tensor led to it (or it was computed under noGrad).",
  GRAPH_FREED: () => "The graph behind this tensor was used up by an earlier backward(). Compute the loss anew.",
  GRAPH_STALE: (d) =>
    `A parameter of shape ${show(d["shape"])} was changed between forward and backward. Call backward() before step().`,
  WRONG_MODE: (d) => reasons[String(d["reason"])] ?? `This call does not fit here: ${show(d["reason"])}.`,
  BAD_FILE: (d) =>
    `The file cannot be read: ${show(d["reason"])}${d["name"] === undefined ? "" : ` (${show(d["name"])})`}.`,
  UNKNOWN_LAYER: (d) => `A layer "${show(d["given"])}" is not one that this version of evenkeel knows.`,
  STATE_MISMATCH: (d) =>
    `The state does not fit the model. Missing: ${list(d["missing"])}. Unexpected: ${list(d["unexpected"])}. ` +
    `Misshapen: ${list(d["misshapen"])}. Nothing was changed; { strict: false } takes what fits.`,
  EMPTY: (d) =>
    d["batchSize"] === undefined
      ? (empties[String(d["argument"])] ?? `${show(d["argument"])} is empty.`)
      : `${show(d["rows"])} rows do not fill one batch of ${show(d["batchSize"])}, and short batches are dropped.`,
  NOT_ADAPTED: () => "Feature norm has no statistics yet: call adapt(x) with the training data first.",
  OUT_OF_MEMORY: (d) =>
    `There is no memory for ${show(d["wanted"])} bytes more; ${show(d["live"])} are in use, and a wasm can have ${show(d["limit"])}. ` +
    "Use smaller batches, and dispose of tensors you hold (memory() tells).",
};

const reasons: Record<string, string> = {
  "no average is kept": "No average of the weights is kept: give the trainer average: 0.999, for example.",
  "no running statistics":
    "This batch norm keeps no running statistics (trackRunningStats: false), and this needs them.",
};

/** The text for an error of the core; `data` is {@link translated}. */
export function messageOf(code: string, layer: string, data: Data): string {
  const text = texts[code]?.({ ...data, layer }) ?? `Error ${code}.`;
  if (layer === "" || code === "LOSS_NOT_FINITE") return text;
  return `Layer ${layer}${data["kind"] === undefined ? "" : ` (${show(data["kind"])})`}: ${text}`;
}
