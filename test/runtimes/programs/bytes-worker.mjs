// A worker that gets the wasm as bytes, which workerd does not compile: sends back what init says of it.
import { init } from "evenkeel";

export default {
  async fetch(request) {
    try {
      await init({ bytes: await request.arrayBuffer() });
      return Response.json("started");
    } catch ({ code, message }) {
      return Response.json({ code, message });
    }
  },
};
