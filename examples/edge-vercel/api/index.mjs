// The edge handler as a Vercel Edge Function. Its bundler takes no files of data, so the weights come as a module that
// examples/edge/train.mjs writes beside the file.
import weights from "../../../out/edge/digits.mjs";
import { createHandler } from "../../edge/handler.mjs";

export const config = { runtime: "edge" };

// Edge functions are bundled into a script, which knows no top-level await.
const handler = createHandler(weights);

export default async (request) => (await handler)(request);
