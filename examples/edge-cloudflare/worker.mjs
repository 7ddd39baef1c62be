// The edge handler as a Cloudflare Worker. The weights' file is bundled with it: wrangler.jsonc and config.capnp say that
// such a file is data, an ArrayBuffer.
import weights from "../../out/edge/digits.safetensors";
import { createHandler } from "../edge/handler.mjs";

const fetch = await createHandler(weights);

export default { fetch };
