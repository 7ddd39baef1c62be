// The request is POSTed and the response sent back, both JSON, by Node.
import { run } from "../../program.mjs";

export const runtime = "nodejs";

export async function POST(request) {
  return Response.json(await run(await request.json()));
}
