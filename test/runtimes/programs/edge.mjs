// For edge-runtime, as Next makes its edge functions: the request is POSTed and the response sent back, both JSON.
import { run } from "./program.mjs";

addEventListener("fetch", (event) => {
  event.respondWith(event.request.json().then(run).then(Response.json));
});
