// What the tests of the edge examples share: the examples themselves, a person with digits of one's own, and requests.
import { createHash } from "node:crypto";
import { connect } from "node:net";
import { nn } from "evenkeel";

const examples = new URL("../../examples/", import.meta.url);

/** A module of the examples. */
export const load = (path: string) => import(new URL(path, examples).href);

interface Rows {
  readonly x: readonly (readonly number[])[];
  readonly y: readonly number[];
}

const digits = await load("edge/digits.mjs");
/** Digits that the network was not trained on. */
export const test: Rows = (await digits.loadDigits()).test;
const theirs: Rows = digits.shifted(test);
const part = ({ x, y }: Rows, from: number, to: number): Rows => ({ x: x.slice(from, to), y: y.slice(from, to) });
/** Somebody's digits: what they label, and what they write later. */
export const person = { labelled: part(theirs, 0, 50), later: part(theirs, 50, 250) };

export const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Sends something and gives the response with its body. */
export async function send(url: string, init: RequestInit & { duplex?: "half" }) {
  const response = await fetch(url, init);
  const bytes = new Uint8Array(await response.arrayBuffer());
  return {
    status: response.status,
    headers: response.headers,
    bytes,
    /** Short, so that a difference does not fill the screen. */
    hash: hashOf(bytes),
    get json() {
      return JSON.parse(new TextDecoder().decode(bytes));
    },
  };
}

/** A post of JSON, or of text that may be none. */
export const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  send(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

/** A post with weights of one's own. */
export function postWith(url: string, weights: Uint8Array, body: unknown) {
  const form = new FormData();
  form.set("request", JSON.stringify(body));
  form.set("weights", new Blob([new Uint8Array(weights)]), "own.safetensors");
  return send(url, { method: "POST", body: form });
}

/** A body of spaces whose length is not announced. */
export function spaces(length: number): ReadableStream<Uint8Array> {
  const part = new Uint8Array(65_536).fill(0x20);
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      if (sent >= length) controller.close();
      else controller.enqueue(part);
      sent += part.length;
    },
  });
}

/** Announces a body of some length, sends less of it and hangs up. */
export function hangUp(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(
        `POST /predict HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"x":`,
        () => setTimeout(() => socket.destroy(), 50),
      );
    });
    socket.once("error", reject);
    socket.once("close", () => resolve());
  });
}

/** The share of rows that a model's file gets right, here in Node. */
export function accuracyOf(file: Uint8Array, { x, y }: Rows): number {
  const model = nn.load(file);
  const scores = model.predict(x);
  const taken = scores.argmax();
  const right = Array.from(taken.toArray()).filter((digit, row) => digit === y[row]).length;
  for (const handle of [scores, taken, model]) handle.dispose();
  return right / y.length;
}

/** A model's values as bits. */
export function bitsOf(file: Uint8Array): Map<string, string> {
  const model = nn.load(file);
  const state = model.state();
  model.dispose();
  return new Map(
    Object.entries(state).map(([name, value]) => [
      name,
      typeof value === "number" ? String(value) : Buffer.from(value.data.slice().buffer).toString("hex"),
    ]),
  );
}
