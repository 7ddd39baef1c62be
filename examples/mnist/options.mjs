// The command line of the example.
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const HELP = `Trains a network on MNIST, with and without batch norm.

  npm start -- [options]           sets up what is missing, then trains
  node examples/mnist/train.mjs [options]

  --epochs <n>   times through the 60,000 images (3)
  --batch <n>    images in a batch (128)
  --seed <n>     draws the initial weights and the order of the images (1)
  --out <path>   folder for model.safetensors and report.html (out/mnist)
  --help         this
`;

/** The settings, or `undefined` if the help was asked for and printed. Throws on what it does not understand. */
export function readOptions(args) {
  const text = (fallback) => ({ type: "string", default: fallback });
  const { values } = parseArgs({
    args,
    options: {
      epochs: text("3"),
      batch: text("128"),
      seed: text("1"),
      out: text(fileURLToPath(new URL("../../out/mnist", import.meta.url))),
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return undefined;
  }
  return {
    epochs: wholeNumber("epochs", values.epochs, 1),
    // Batch norm cannot train on a batch of one.
    batch: wholeNumber("batch", values.batch, 2),
    seed: wholeNumber("seed", values.seed, 0),
    out: resolve(values.out),
  };
}

function wholeNumber(name, given, least) {
  const number = Number(given);
  if (given.trim() === "" || !Number.isSafeInteger(number) || number < least) {
    throw new Error(`--${name} should be a whole number of at least ${least}, but is "${given}".`);
  }
  return number;
}
