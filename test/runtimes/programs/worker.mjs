// For workerd: the request is POSTed and the response sent back, both JSON.
import { run } from "./program.mjs";

export default {
  async fetch(request) {
    return Response.json(await run(await request.json()));
  },
};
