// A person who uses one of the edge servers: labels some digits, has the server learn them, and keeps the weights. Start a
// server, `node examples/edge/serve.mjs node`, then `node examples/edge/client.mjs [address]`.
import { loadDigits, shifted } from "./digits.mjs";

const LABELLED = 50;
const OTHERS = 200;
const server = process.argv[2] ?? "http://127.0.0.1:8787";

const { x, y } = shifted((await loadDigits()).test);
const answer = await succeed(
  await fetch(`${server}/learn`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ x: x.slice(0, LABELLED), y: y.slice(0, LABELLED) }),
  }),
);
const own = await answer.blob();
const { rows, steps, before, after } = JSON.parse(answer.headers.get("evenkeel-report"));
console.log(
  `${rows} labelled digits: loss ${before.loss.toFixed(4)} before, ${after.loss.toFixed(4)} after ${steps} steps`,
);

const [common, personal] = [await share(), await share(own)];
console.log(
  `${OTHERS} others that the server has not seen: ${common} right with the common weights, ${personal} with one's own`,
);

/** The share of the other digits that the server gets right, with these weights or the common ones. */
async function share(weights) {
  const form = new FormData();
  form.set("request", JSON.stringify({ x: x.slice(LABELLED, LABELLED + OTHERS) }));
  if (weights !== undefined) form.set("weights", weights);
  const { classes } = await (await succeed(await fetch(`${server}/predict`, { method: "POST", body: form }))).json();
  const right = classes.filter((digit, i) => digit === y[LABELLED + i]).length;
  return `${((100 * right) / OTHERS).toFixed(1)} %`;
}

async function succeed(response) {
  if (response.ok) return response;
  const { code, message } = (await response.json()).error;
  throw new Error(`${response.status} ${code}: ${message}`);
}
