// For hosts that are processes: a request from stdin, the response to stdout, both JSON.
import { text } from "node:stream/consumers";
import { run } from "./program.mjs";

text(process.stdin)
  .then((request) => run(JSON.parse(request)))
  .then((response) => console.log(JSON.stringify(response)));
