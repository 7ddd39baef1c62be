/**
 * The edge examples, each served by its host on loopback: Node, Deno, Bun, workerd, the edge runtime, and workerd once more
 * by `wrangler dev`. All of them have to answer with the very bits that the handler gives in this process.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { init, nn } from "evenkeel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accuracyOf, bitsOf, hangUp, hashOf, load, person, post, postWith, send, spaces, test } from "./support.js";

const { hosts, startHost } = await load("edge/hosts.mjs");
const { createHandler, LIMITS } = await load("edge/handler.mjs");
const { modelFile } = await load("edge/model.mjs");

await init();
const common = new Uint8Array(readFileSync(modelFile));
const here: (request: Request) => Promise<Response> = await createHandler(common);

const lesson = { ...person.labelled, steps: 40, lr: 0.02 };
const first = { x: test.x.slice(0, 3) };
const noise = new TextEncoder().encode("neither JSON nor safetensors");
/** A model's file with other numbers: of another network, and with a weight that is not finite. */
const [other, broken] = [nn.dense(2, 2), nn.load(common)].map((model, i) => {
  const state = model.state();
  if (i === 1) (state["1.bias"] as { data: Float32Array }).data[3] = Number.NaN;
  model.loadState(state);
  return model.save();
}) as [Uint8Array, Uint8Array];

/** The handler's answer in this process, in the same form as `post`'s. */
async function expected(path: string, body: unknown) {
  const headers = { "content-type": "application/json" };
  const request = new Request(`http://localhost${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  const response = await here(request);
  return {
    report: response.headers.get("evenkeel-report"),
    hash: hashOf(new Uint8Array(await response.arrayBuffer())),
  };
}

const row = (value: unknown) => [...test.x[0]!.slice(0, 63), value];
const text = (x: string) => `{"x":[[${test.x[0]!.slice(0, 63).join(",")},${x}]]}`;

/** What is refused: what it is, the path, the body, and the status and code of the answer. */
const refused: [what: string, path: string, body: unknown, status: number, code: string][] = [
  ["no JSON", "/predict", '{"x": [[1, 2', 400, "BAD_JSON"],
  ["NaN, which JSON does not have", "/predict", text("NaN"), 400, "BAD_JSON"],
  ["nothing", "/predict", "", 400, "BAD_JSON"],
  ["JSON, but no object", "/predict", [1], 400, "BAD_JSON"],
  ["no rows", "/predict", {}, 422, "BAD_ARGUMENT"],
  ["an empty list", "/predict", { x: [] }, 422, "BAD_ARGUMENT"],
  ["too many rows", "/predict", { x: Array(LIMITS.rows + 1).fill(test.x[0]) }, 422, "BAD_ARGUMENT"],
  ["rows of another width", "/predict", { x: [[1, 2]] }, 422, "SHAPE_MISMATCH"],
  ["empty rows", "/predict", { x: [[], []] }, 422, "SHAPE_MISMATCH"],
  ["ragged rows", "/predict", { x: [test.x[0], [1]] }, 422, "RAGGED"],
  ["a flat list", "/predict", { x: test.x[0] }, 422, "BAD_ARGUMENT"],
  ["lists in lists in lists", "/predict", `{"x":${"[".repeat(50_000)}${"]".repeat(50_000)}}`, 422, "BAD_ARGUMENT"],
  ["null for NaN", "/predict", { x: [row(null)] }, 422, "BAD_ARGUMENT"],
  ["text for a number", "/predict", { x: [row("7")] }, 422, "BAD_ARGUMENT"],
  ["an infinite number", "/predict", text("1e400"), 422, "NOT_FINITE"],
  ["a number beyond 32 bits", "/predict", text("1e39"), 422, "NOT_FINITE"],
  ["numbers too large to compute with", "/predict", { x: [Array(64).fill(3e38)] }, 422, "NOT_FINITE"],
  ["an unknown field", "/predict", { ...first, rows: 1 }, 422, "UNKNOWN_OPTION"],
  ["no labels", "/learn", first, 422, "BAD_ARGUMENT"],
  ["fewer labels than rows", "/learn", { ...first, y: [1] }, 422, "SHAPE_MISMATCH"],
  ["half a label", "/learn", { ...first, y: [1, 2, 2.5] }, 422, "BAD_LABEL"],
  ["a label of null", "/learn", { ...first, y: [1, 2, null] }, 422, "BAD_ARGUMENT"],
  ["a label that is no class", "/learn", { ...first, y: [1, 2, 10] }, 422, "LABEL_OUT_OF_RANGE"],
  ["probabilities for labels", "/learn", { ...first, y: [[1], [0], [0]] }, 422, "BAD_ARGUMENT"],
  ["an infinite number to learn from", "/learn", `{"x":[[${"1e400,".repeat(63)}0]],"y":[1]}`, 422, "NOT_FINITE"],
  ["numbers too large to learn from", "/learn", { x: [Array(64).fill(3e38)], y: [1] }, 422, "LOSS_NOT_FINITE"],
  ["a label to be ignored", "/learn", { ...first, y: [1, 2, -100] }, 422, "BAD_ARGUMENT"],
  ["an object that has no text", "/predict", '{"x":{"toString":1,"valueOf":1}}', 422, "BAD_ARGUMENT"],
  ["a row that has no text", "/predict", '{"x":[{"toString":null}]}', 422, "BAD_ARGUMENT"],
  ["steps that have no text", "/learn", { ...lesson, steps: { toString: 1 } }, 422, "BAD_ARGUMENT"],
  ["labels that have no text", "/learn", { ...first, y: [1, 2, { valueOf: 1, toString: 1 }] }, 422, "BAD_ARGUMENT"],
  ["a field with a long name", "/predict", { ["x".repeat(300_000)]: 1 }, 422, "UNKNOWN_OPTION"],
  ["no steps", "/learn", { ...lesson, steps: 0 }, 422, "BAD_ARGUMENT"],
  ["half a step", "/learn", { ...lesson, steps: 1.5 }, 422, "BAD_ARGUMENT"],
  ["too many steps", "/learn", { ...lesson, steps: LIMITS.steps + 1 }, 422, "BAD_ARGUMENT"],
  ["a learning rate of 0", "/learn", { ...lesson, lr: 0 }, 422, "BAD_ARGUMENT"],
  ["a learning rate as text", "/learn", { ...lesson, lr: "0.1" }, 422, "BAD_ARGUMENT"],
  ["a path that is not there", "/train", first, 404, "NOT_FOUND"],
  ["a path that every object has", "/constructor", first, 404, "NOT_FOUND"],
  ["a post to what is only read", "/", first, 405, "METHOD_NOT_ALLOWED"],
];

describe.each(hosts as string[])("%s", (host) => {
  let server: { url: string; stop(): Promise<void> };
  const url = (path: string) => `${server.url}${path}`;
  const memory = async () => (await send(url("/"), {})).json.memory;
  /** The next request works, with the right bits. */
  const works = async () =>
    expect((await post(url("/predict"), first)).hash).toBe((await expected("/predict", first)).hash);

  beforeAll(async () => {
    server = await startHost(host);
  }, 60_000);
  afterAll(() => server?.stop());

  it("says what it is", async () => {
    const { status, json } = await send(url("/"), {});
    expect(status).toBe(200);
    expect(json).toMatchObject({ routes: ["GET /", "POST /predict", "POST /learn"], limits: LIMITS });
    expect(json.layers.map(({ path, frozen }: { path: string; frozen: boolean }) => [path, frozen])).toEqual([
      ["", false],
      ...["0", "0.0", "0.1", "0.2"].map((path) => [path, true]),
      ["1", false],
    ]);
  });

  it("predicts, with the same bits as here", async () => {
    const rows = { x: test.x.slice(0, 250) };
    const { status, headers, hash, json } = await post(url("/predict"), rows);
    expect(status).toBe(200);
    expect(headers.get("content-type")).toMatch(/^application\/json\b/);
    expect(hash).toBe((await expected("/predict", rows)).hash);
    const right = json.classes.filter((digit: number, i: number) => digit === test.y[i]).length;
    expect(right / 250).toBeCloseTo(accuracyOf(common, { x: rows.x, y: test.y.slice(0, 250) }), 10);
    for (const values of json.probabilities) expect(values.reduce((a: number, b: number) => a + b)).toBeCloseTo(1, 5);
  });

  it("learns somebody's digits: same bits as here, better on theirs, and batch norm as it was", async () => {
    const { status, headers, bytes, hash } = await post(url("/learn"), lesson);
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("application/octet-stream");
    expect({ report: headers.get("evenkeel-report"), hash }).toEqual(await expected("/learn", lesson));

    const { before, after, steps, rows } = JSON.parse(headers.get("evenkeel-report")!);
    expect({ steps, rows }).toEqual({ steps: 40, rows: 50 });
    expect(before.accuracy).toBe(accuracyOf(common, person.labelled));
    expect(after.accuracy).toBe(accuracyOf(bytes, person.labelled));
    expect(after.accuracy).toBeGreaterThan(before.accuracy + 0.5);
    expect(after.loss).toBeLessThan(before.loss / 10);
    expect(accuracyOf(bytes, person.later)).toBeGreaterThan(accuracyOf(common, person.later) + 0.2);

    const [old, now] = [bitsOf(common), bitsOf(bytes)];
    expect([...now.keys()]).toEqual([...old.keys()]);
    const changed = [...now.keys()].filter((name) => now.get(name) !== old.get(name));
    expect(changed).toEqual(["1.weight", "1.bias"]);
  });

  it("predicts with one's own weights, and goes on learning from them; others get the common ones", async () => {
    const own = (await post(url("/learn"), lesson)).bytes;
    const rows = { x: person.later.x };
    const mine = await postWith(url("/predict"), own, rows);
    expect(mine.status).toBe(200);
    const right = mine.json.classes.filter((digit: number, i: number) => digit === person.later.y[i]).length;
    expect(right / rows.x.length).toBe(accuracyOf(own, person.later));
    const common = await post(url("/predict"), rows);
    expect(common.hash).toBe((await expected("/predict", rows)).hash);
    expect(common.json.classes).not.toEqual(mine.json.classes);

    const more = await postWith(url("/learn"), own, lesson);
    const one = JSON.parse((await expected("/learn", lesson)).report!);
    const two = JSON.parse(more.headers.get("evenkeel-report")!);
    expect(two.before.loss).toBe(one.after.loss);
    expect(two.after.loss).toBeLessThan(two.before.loss);
  });

  it("gives the client of the examples what docs/edge.md shows", async () => {
    const [, shown] = /prints:\n\n```text\n(.*?)```/s.exec(readFileSync("docs/edge.md", "utf8")) ?? [];
    const { stdout } = await promisify(execFile)(process.execPath, ["examples/edge/client.mjs", server.url]);
    expect(stdout).toBe(shown);
  });

  it("keeps people apart who come at once", async () => {
    const people = [1, 2, 3, 4].map((steps) => ({ ...lesson, steps }));
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        i % 5 === 4 ? post(url("/predict"), first) : post(url("/learn"), people[i % 5]),
      ),
    );
    const right = [...people.map((person) => expected("/learn", person)), expected("/predict", first)];
    const wanted = (await Promise.all(right)).map(({ hash }) => hash);
    for (const [i, { hash }] of answers.entries()) expect(hash, `answer ${i}`).toBe(wanted[i % 5]);
  });

  it.each(refused)("refuses %s (%s), and the next request works", async (_, path, body, status, code) => {
    const answer = await post(url(path), body);
    expect(answer.json).toEqual({ error: { code, message: expect.any(String), data: expect.any(Object) } });
    expect(answer.status).toBe(status);
    await works();
  });

  it("refuses other methods, saying which there are", async () => {
    for (const [path, method, allow] of [
      ["/predict", "GET", "POST"],
      ["/learn", "DELETE", "POST"],
      ["/", "PUT", "GET"],
    ] as const) {
      const { status, headers, json } = await send(url(path), { method });
      expect([status, headers.get("allow"), json.error.code]).toEqual([405, allow, "METHOD_NOT_ALLOWED"]);
    }
    await works();
  });

  it("refuses other kinds of body", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonl"]) {
      const { status, json } = await post(url("/predict"), first, { "content-type": type });
      expect([status, json.error.code, json.error.data.given]).toEqual([415, "UNSUPPORTED_MEDIA_TYPE", type]);
    }
    const none = await send(url("/predict"), { method: "POST", body: noise });
    expect([none.status, none.json.error.code]).toEqual([415, "UNSUPPORTED_MEDIA_TYPE"]);
    await works();
  });

  it("refuses a body that is too large, and whose length is not said", async () => {
    const large = `{"x":[[${"1,".repeat(LIMITS.bytes / 2)}1]]}`;
    const told = await post(url("/predict"), large);
    expect([told.status, told.json.error.code, told.json.error.data]).toEqual([
      413,
      "BODY_TOO_LARGE",
      { limit: LIMITS.bytes },
    ]);
    await works();
    const stream = spaces(2 * LIMITS.bytes);
    const headers = { "content-type": "application/json" };
    const untold = await send(url("/learn"), { method: "POST", headers, body: stream, duplex: "half" });
    expect([untold.status, untold.json.error.code]).toEqual([413, "BODY_TOO_LARGE"]);
    await works();
  });

  it("refuses 32 MB, read or not, and the next request works", async () => {
    // A host may hang up once it has answered: the next request is not to be sent on that connection.
    const headers = { "content-type": "application/json", connection: "close" };
    const body = spaces(2 ** 25);
    // Who goes on writing may see a closed connection instead of the answer.
    const status = await send(url("/learn"), { method: "POST", headers, body, duplex: "half" }).then(
      (answer) => answer.status,
      () => 413,
    );
    // Between wrangler and the worker is a proxy, which says so where the worker has hung up.
    expect(host === "wrangler" ? [413, 503] : [413]).toContain(status);
    await works();
  });

  it("goes on after somebody hung up in the middle of a body", async () => {
    for (let i = 0; i < 5; i++) await hangUp(server.url);
    await works();
  });

  it("refuses forms and weights that are none", async () => {
    const form = (parts: Record<string, string | Blob>) => {
      const form = new FormData();
      for (const [name, value] of Object.entries(parts)) form.set(name, value);
      return send(url("/predict"), { method: "POST", body: form });
    };
    const request = JSON.stringify(first);
    const answers = [
      await form({ weights: new Blob([common]) }),
      await form({ request, weights: "text" }),
      await form({ request: "{" }),
      await post(url("/predict"), "--wrong", { "content-type": "multipart/form-data; boundary=right" }),
      await post(url("/predict"), "--wrong", { "content-type": "multipart/form-data" }),
      await postWith(url("/predict"), noise, first),
      await postWith(url("/predict"), common.slice(0, -1), first),
      await postWith(url("/predict"), other, first),
      await postWith(url("/predict"), broken, first),
      await postWith(url("/learn"), broken, lesson),
    ];
    expect(answers.map(({ status, json }) => [status, json.error.code])).toEqual([
      ...["BAD_FORM", "BAD_FORM", "BAD_JSON", "BAD_FORM", "BAD_FORM"].map((code) => [400, code]),
      ...["BAD_FILE", "BAD_FILE", "STATE_MISMATCH", "NOT_FINITE", "LOSS_NOT_FINITE"].map((code) => [422, code]),
    ]);
    await works();
  });

  it("leaves the core's memory as it was", async () => {
    const own = (await post(url("/learn"), lesson)).bytes;
    const round = async () => {
      await post(url("/predict"), first);
      await post(url("/learn"), lesson);
      await postWith(url("/predict"), own, first);
      await postWith(url("/learn"), own, lesson);
      await postWith(url("/learn"), broken, lesson);
      await post(url("/learn"), { ...first, y: [1, 2, 10] });
      await post(url("/predict"), { x: [[1, 2]] });
    };
    for (let i = 0; i < 5; i++) await round();
    const before = await memory();
    for (let i = 0; i < 60; i++) await round();
    expect(await memory()).toEqual(before);
  });
});
