// The edge handler behind Bun.serve. Run `npm run build` and `node examples/edge/train.mjs` once, then
// `bun examples/edge-bun/serve.mjs`.
import { createHandler } from "../edge/handler.mjs";

const weights = await Bun.file(new URL("../../out/edge/digits.safetensors", import.meta.url)).arrayBuffer();
const fetch = await createHandler(weights);
const { url } = Bun.serve({ hostname: "127.0.0.1", port: Number(process.env.PORT ?? 8787), fetch });
console.log(`listening on ${url.origin}`);
