// The edge handler behind Deno.serve. Run `npm run build` and `node examples/edge/train.mjs` once, then
// `deno run --allow-net --allow-read --allow-env=PORT examples/edge-deno/serve.mjs`.
import { createHandler } from "../edge/handler.mjs";

const weights = await Deno.readFile(new URL("../../out/edge/digits.safetensors", import.meta.url));
const handle = await createHandler(weights);
const onListen = ({ hostname, port }) => console.log(`listening on http://${hostname}:${port}`);
Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.env.get("PORT") ?? 8787), onListen }, handle);
