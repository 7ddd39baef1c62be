// The request is POSTed and the response sent back, both JSON, by an edge function.
import { run } from "../../program.mjs";

export const runtime = "edge";

export async function POST(request) {
  return Response.json(await run(await request.json()));
}
