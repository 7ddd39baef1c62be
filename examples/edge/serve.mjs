// Trains the model (half a second) and starts one of the edge examples in its host. Run `npm run setup edge` once,
// then `node examples/edge/serve.mjs cloudflare`; the others are in examples/README.md. Ctrl-C ends it.
import { hosts, startHost } from "./hosts.mjs";
import { makeModel } from "./model.mjs";

const [host] = process.argv.slice(2);
if (hosts.includes(host)) {
  await makeModel();
  const { url, stop } = await startHost(host, { port: Number(process.env.PORT ?? 8787) });
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, stop);
  console.log(`${host} listens on ${url}`);
} else {
  console.error(`Say which: ${hosts.join(", ")}.`);
  process.exitCode = 1;
}
