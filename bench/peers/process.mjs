// The process of one contestant. It does what `participant.mjs` asks, one thing after the other, and rests in between.
import { DIGITS } from "../cases.mjs";
import { can, numbers } from "../check.mjs";
import { timerOf } from "../measure.mjs";
import { digits } from "../mnist.mjs";
import { peerCases } from "./cases.mjs";
import { load } from "./contestants.mjs";

let contestant;
let context;
let task;
let timer;

const does = {
  start: async (entry, states) => {
    contestant = await load(entry);
    const unknown = await unknownOption(entry.options);
    if (unknown) throw new Error(`this build's init has no option "${unknown}"`);
    await contestant.start?.(entry.options);
    const data = await digits(DIGITS);
    context = { data, states, cases: peerCases(data, states) };
    return entry.label ?? contestant.label;
  },
  can: ({ kind, trains }) => can(contestant, { kind, trains }),
  numbers: (probe) => numbers(contestant, probe, context),
  make: async (name) => {
    task = await context.cases.find((one) => one.name === name).make(contestant);
    timer = timerOf(task);
  },
  warm: (warmUp, sample) => timer.warm(warmUp, sample),
  time: (count) => timer.time(count),
  end: () => task.dispose?.(),
};

process.on("message", async ({ action, args }) => {
  try {
    process.send({ value: await does[action](...args) });
  } catch (error) {
    process.send({ error: error.message.split("\n")[0] });
  }
});

process.on("disconnect", () => process.exit());

// `init` ignores options that it does not know, and would measure the default under another name. One that it knows, it
// checks: it then refuses an impossible value.
async function unknownOption(options = {}) {
  for (const name of Object.keys(options)) {
    const accepted = await contestant.start({ [name]: "no such value" }).then(
      () => true,
      () => false,
    );
    if (accepted) return name;
  }
}
