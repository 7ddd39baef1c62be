// The edge handler behind Node's own server. Run `npm run build` and `node examples/edge/train.mjs` once, then
// `node examples/edge-node/serve.mjs`; PORT is 8787 unless the environment has another.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { Readable } from "node:stream";
import { createHandler } from "../edge/handler.mjs";

const weights = await readFile(new URL("../../out/edge/digits.safetensors", import.meta.url));
const handle = await createHandler(weights);

/** Node's request as a `Request`; its body is read only as far as the handler reads. */
function requestOf(incoming) {
  const { method, url, headers } = incoming;
  return new Request(new URL(url, "http://localhost"), {
    method,
    headers: Object.entries(headers).flatMap(([name, value]) => [value].flat().map((one) => [name, one])),
    // Whoever stops reading must not close the connection, on which the answer has yet to go.
    ...(method !== "GET" &&
      method !== "HEAD" && {
        body: Readable.toWeb(Readable.from(incoming.iterator({ destroyOnReturn: false }))),
        duplex: "half",
      }),
  });
}

const server = createServer(async (incoming, outgoing) => {
  let request;
  try {
    request = requestOf(incoming);
  } catch {
    // A method or an address that `Request` refuses.
  }
  const refused = { code: "BAD_REQUEST", message: "This method or address is none that can be answered." };
  const response = request ? await handle(request) : Response.json({ error: refused }, { status: 400 });
  // What is left of a body that was too large.
  if (!incoming.complete) outgoing.setHeader("connection", "close");
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(new Uint8Array(await response.arrayBuffer()));
});
server.listen(Number(process.env.PORT ?? 8787), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
