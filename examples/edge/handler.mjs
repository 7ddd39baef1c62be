// What every edge example serves: from `Request` to `Response`, with nothing of any host.
//
//   GET  /         what this is: the network, the limits, the core's memory
//   POST /predict  { x }                  -> { classes, probabilities }
//   POST /learn    { x, y, steps?, lr? }  -> a model of one's own, as safetensors bytes
//
// Rows of `x` are 64 pixels from 0 to 16, `y` has a digit for each. Both posts take JSON; or a form whose part `request` is
// that JSON and whose part `weights` is what `/learn` gave, to predict with or to go on learning from. The server keeps
// nothing of anybody: who brings weights or learns has a copy of the network, which is freed with the answer.
import { EvenkeelError, init, memory, nn, optim, scope, Trainer, tensor } from "evenkeel";
import { digitsNet, PIXELS } from "./net.mjs";

/** What one request may ask for. */
export const LIMITS = { bytes: 512 * 1024, rows: 256, steps: 100, lr: 0.1 };

/** Bytes that are read, and dropped, of a body that is too large: a client that is still writing reads no answer. */
const READ_AT_MOST = 8 * LIMITS.bytes;

/** Codes of evenkeel that say what is wrong with a request. Any other is a fault of this server. */
const ABOUT_THE_REQUEST = new Set([
  ...["BAD_ARGUMENT", "BAD_FILE", "BAD_LABEL", "EMPTY", "LABEL_OUT_OF_RANGE", "LOSS_NOT_FINITE", "NOT_FINITE"],
  ...["RAGGED", "SHAPE_MISMATCH", "STATE_MISMATCH", "UNKNOWN_OPTION"],
]);

/** What is wrong before evenkeel sees anything of it. */
class Refusal extends Error {
  constructor(status, code, message, { data = {}, headers = {} } = {}) {
    super(message);
    Object.assign(this, { status, code, data, headers });
  }
}

/** Starts the core, and gives a function from a request to a response. `weights` are the bytes of the model's file. */
export async function createHandler(weights) {
  await init();
  const model = load(weights);
  return async (request) => {
    try {
      const action = route(request);
      const given = request.method === "POST" ? await read(request) : {};
      // From here on nothing waits: requests overlap only while their bodies arrive.
      return action(model, given);
    } catch (error) {
      return failure(error);
    }
  };
}

const routes = {
  "/": { GET: about },
  "/predict": { POST: predict },
  "/learn": { POST: learn },
};

function route({ url, method }) {
  const { pathname } = new URL(url);
  if (!Object.hasOwn(routes, pathname)) {
    const paths = Object.keys(routes);
    throw new Refusal(404, "NOT_FOUND", `There is no ${pathname}, but ${paths.join(", ")}.`, { data: { paths } });
  }
  const actions = routes[pathname];
  if (!Object.hasOwn(actions, method)) {
    const allow = Object.keys(actions).join(", ");
    const message = `${pathname} takes ${allow}, not ${method}.`;
    throw new Refusal(405, "METHOD_NOT_ALLOWED", message, { data: { allow }, headers: { allow } });
  }
  return actions[method];
}

/** The network from its file. The frozen base keeps its batch norm as it is, in every copy. */
function load(weights) {
  const { base, model } = digitsNet();
  model.loadState(new Uint8Array(weights));
  base.freeze();
  return model.eval();
}

function about(model) {
  return Response.json({
    about: "Recognises handwritten digits of 8x8 pixels, and learns how you write them. Made with evenkeel.",
    routes: Object.entries(routes).flatMap(([path, actions]) => Object.keys(actions).map((name) => `${name} ${path}`)),
    limits: LIMITS,
    layers: model.summaryRows([1, PIXELS]),
    memory: memory(),
  });
}

function predict(model, { fields, weights }) {
  only(fields, ["x"]);
  const x = takeRows(fields.x);
  const respond = (chosen) => Response.json(answer(chosen, x));
  return weights === undefined ? respond(model) : withCopy(model, weights, respond);
}

/** A few steps of the head on all rows at once. */
function learn(model, { fields, weights }) {
  only(fields, ["x", "y", "steps", "lr"]);
  const { y, steps = 50, lr = 0.01 } = fields;
  const x = takeRows(fields.x);
  if (!Array.isArray(y) || y.some(Array.isArray)) throw badArgument("y", "a list of digits", y);
  // A loss leaves rows of its ignored label out, which is negative: here each row has a digit.
  const negative = y.findIndex((label) => typeof label === "number" && label < 0);
  if (negative >= 0) throw badArgument(`y[${negative}]`, "a digit", y[negative]);
  if (!Number.isInteger(steps) || steps < 1 || steps > LIMITS.steps) {
    throw badArgument("steps", `a whole number from 1 to ${LIMITS.steps}`, steps);
  }
  if (typeof lr !== "number" || !(lr > 0 && lr <= LIMITS.lr)) {
    throw badArgument("lr", `above 0 and at most ${LIMITS.lr}`, lr);
  }
  return withCopy(model, weights, (own) => {
    const trainer = new Trainer(own, { loss: "crossEntropy", optimizer: optim.adam({ lr }) });
    try {
      // A step's loss is that before its update.
      const before = trainer.step(x, y);
      for (let step = 1; step < steps; step++) trainer.step(x, y);
      const after = judge(own, x, y);
      const report = { rows: y.length, steps, before: { loss: before.loss, accuracy: before.accuracy }, after };
      return new Response(own.save(), {
        headers: { "content-type": "application/octet-stream", "evenkeel-report": JSON.stringify(report) },
      });
    } finally {
      trainer.dispose();
    }
  });
}

/** Runs `f` on a copy of the model, with the weights that came with the request, if any. */
function withCopy(model, weights, f) {
  const own = model.clone();
  try {
    // Only values are taken from the file, and only if all fit: a stranger's file cannot bring another network.
    if (weights !== undefined) own.loadState(weights);
    return f(own);
  } finally {
    own.dispose();
  }
}

function answer(model, x) {
  const { classes, probabilities } = scope(() => {
    const result = model.predict(x, { activation: "softmax" });
    return { classes: Array.from(result.argmax().toArray()), probabilities: result.toNested() };
  });
  const row = probabilities.findIndex((values) => !values.every(Number.isFinite));
  if (row >= 0) {
    const message = `The probabilities of row ${row} are not finite: its pixels or the weights are too large or not finite.`;
    throw new EvenkeelError("NOT_FINITE", message, { argument: "x", row });
  }
  return { classes, probabilities };
}

function judge(model, x, y) {
  return scope(() => {
    const scores = model.predict(x);
    const loss = nn.crossEntropy(scores, y).item();
    if (!Number.isFinite(loss)) {
      throw new EvenkeelError("LOSS_NOT_FINITE", `The loss is ${loss} after these steps: take a smaller lr.`);
    }
    const taken = scores.argmax().toArray();
    return { loss, accuracy: y.filter((label, row) => label === taken[row]).length / y.length };
  });
}

/** Rows as numbers and a shape. evenkeel itself says which row is ragged, and which value no number. */
function takeRows(x) {
  const rows = `1 to ${LIMITS.rows} rows of ${PIXELS} numbers`;
  if (!Array.isArray(x)) throw badArgument("x", rows, x);
  if (x.length === 0 || x.length > LIMITS.rows) throw badArgument("x", rows, x);
  x.forEach((row, i) => {
    if (!Array.isArray(row) || row.some(Array.isArray))
      throw badArgument(`x[${i}]`, `a list of ${PIXELS} numbers`, row);
  });
  const taken = scope(() => {
    const all = tensor(x);
    return { data: all.toArray(), shape: all.shape };
  });
  const place = taken.data.findIndex((value) => !Number.isFinite(value));
  if (place >= 0) {
    const [row, column] = [Math.floor(place / taken.shape[1]), place % taken.shape[1]];
    const message = `x at row ${row}, column ${column} is no finite 32-bit number.`;
    throw new EvenkeelError("NOT_FINITE", message, { argument: "x", row, column });
  }
  return taken;
}

/** What was given, in a few words: it is a stranger's, of any form and length. */
function shown(given) {
  if (given === undefined) return "missing";
  if (Array.isArray(given)) return `a list of ${given.length}`;
  if (typeof given === "object" && given !== null) return "an object";
  const text = String(given);
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}

function badArgument(argument, expected, given) {
  return new EvenkeelError("BAD_ARGUMENT", `${argument} should be ${expected} but is ${shown(given)}.`, {
    argument,
    expected,
  });
}

function only(fields, known) {
  const unknown = Object.keys(fields).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const message = `There is no "${shown(unknown)}" here, but ${known.join(", ")}.`;
  throw new EvenkeelError("UNKNOWN_OPTION", message, { given: shown(unknown), known });
}

/** What a post brings: `{ fields, weights }`. */
async function read(request) {
  const type = request.headers.get("content-type") ?? "";
  if (/^application\/json\s*(;|$)/i.test(type)) return { fields: parse(await bodyOf(request)) };
  if (/^multipart\/form-data\s*(;|$)/i.test(type)) return readForm(await bodyOf(request), type);
  const message = "Send application/json, or multipart/form-data with the parts request and weights.";
  throw new Refusal(415, "UNSUPPORTED_MEDIA_TYPE", message, { data: { given: type } });
}

async function readForm(body, type) {
  let form;
  try {
    form = await new Response(body, { headers: { "content-type": type } }).formData();
  } catch {
    throw new Refusal(400, "BAD_FORM", "The body is not the form that its content-type says it is.");
  }
  const bytes = async (part) =>
    typeof part === "string" ? new TextEncoder().encode(part) : new Uint8Array(await part.arrayBuffer());
  const [fields, weights] = [form.get("request"), form.get("weights")];
  if (fields === null) throw new Refusal(400, "BAD_FORM", "The form has no part request.");
  if (typeof weights === "string") throw new Refusal(400, "BAD_FORM", "The part weights has to be a file.");
  return { fields: parse(await bytes(fields)), weights: weights === null ? undefined : await bytes(weights) };
}

function parse(bytes) {
  let value;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new Refusal(400, "BAD_JSON", `The body is not JSON: ${error.message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Refusal(400, "BAD_JSON", "The body is JSON, but no object.");
  }
  return value;
}

/** The body's bytes, if they are not too many, whether it says their number or not. */
async function bodyOf(request) {
  const announced = Number(request.headers.get("content-length"));
  const reader = announced > READ_AT_MOST ? undefined : request.body?.getReader();
  const parts = [];
  let length = 0;
  try {
    while (reader !== undefined && length <= READ_AT_MOST) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length <= LIMITS.bytes) parts.push(value);
    }
  } catch {
    throw new Refusal(400, "BODY_CUT_SHORT", "The body ended too early.");
  }
  // Nobody waits for this: where the host has cloned the stream, it is done only when the clone is.
  if (length > READ_AT_MOST) reader.cancel().catch(() => {});
  if (announced > LIMITS.bytes || length > LIMITS.bytes) {
    const data = { limit: LIMITS.bytes };
    throw new Refusal(413, "BODY_TOO_LARGE", `The body may have ${LIMITS.bytes} bytes.`, { data });
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

function failure(error) {
  const respond = (status, body, headers = {}) => Response.json({ error: body }, { status, headers });
  const { code, message, data } = error;
  if (error instanceof Refusal) return respond(error.status, { code, message, data }, error.headers);
  if (error instanceof EvenkeelError) {
    return respond(ABOUT_THE_REQUEST.has(code) ? 422 : 500, { code, message, data });
  }
  console.error(error);
  return respond(500, { code: "INTERNAL", message: "Something went wrong here." });
}
