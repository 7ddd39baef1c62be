// `npm start`: trains 784-256-128-10 on MNIST with batch norm and the same net without, side by side, tests both on the
// 10,000 test images, and writes the model and a report. See net.mjs for the network, training.mjs for the training.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { init, nn } from "evenkeel";
import { loadMnist } from "./data.mjs";
import { makeNet } from "./net.mjs";
import { readOptions } from "./options.mjs";
import { makeProgress, percent, whole } from "./progress.mjs";
import { reportPage } from "./report/page.mjs";
import { confusionTable } from "./table.mjs";
import { judge, trainNet } from "./training.mjs";

/** What three epochs reach with room to spare; less means that something is broken. */
const EXPECTED = { accuracy: 0.975, epochs: 3 };

const say = (line = "") => process.stdout.write(`${line}\n`);

async function main() {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) return;
  await init();
  const data = await loadMnist();
  say(`MNIST: ${whole(data.train.y.length)} images to train on, ${whole(data.test.y.length)} to test with.`);
  say(`Seed ${options.seed}, batches of ${options.batch}, Adam.`);

  const withNorm = await run("With batch norm", true, data, options);
  const without = await run("The same net without batch norm", false, data, options);

  say();
  say(`${whole(data.test.y.length)} test images, in eval mode:`);
  for (const { title, test, trained } of [withNorm, without]) {
    say(
      `  ${title.padEnd(33)} ${percent(test.accuracy)}   ${trained.seconds.toFixed(1)} s, ${whole(trained.rowsPerSecond)} images/s`,
    );
  }
  say();
  say("Confusion matrix with batch norm; rows: the digit, columns: what it was taken for.");
  say(confusionTable(withNorm.test.confusion));

  await mkdir(options.out, { recursive: true });
  const modelFile = join(options.out, "model.safetensors");
  await writeFile(modelFile, withNorm.file);
  await checkFile(modelFile, withNorm.test, data.test);
  const reportFile = join(options.out, "report.html");
  await writeFile(reportFile, reportPage({ withNorm, without, test: data.test, options }));
  say();
  say(
    `Model:   ${shown(modelFile)}, ${whole(withNorm.file.length / 1000)} kB; loaded again, it predicts the same bits.`,
  );
  say(`Report:  ${pathToFileURL(reportFile)}`);

  if (options.epochs >= EXPECTED.epochs && withNorm.test.accuracy < EXPECTED.accuracy) {
    throw new Error(
      `The test accuracy is ${percent(withNorm.test.accuracy)}; after ${EXPECTED.epochs} epochs or more it should be at ` +
        `least ${percent(EXPECTED.accuracy)}.`,
    );
  }
}

/** Builds, trains and tests one net. */
async function run(title, batchNorm, data, options) {
  say();
  say(`${title}: ${batchNorm ? "784-256-BN-ReLU-128-BN-ReLU-10" : "784-256-ReLU-128-ReLU-10"}`);
  const model = makeNet(data.train.x, { batchNorm, seed: options.seed });
  const trained = await trainNet(model, data, options, makeProgress(options));
  const test = judge(model, data.test);
  const file = model.save();
  const result = { title, trained, test, file, parameters: model.parameterCount(), summary: model.summary([1, 784]) };
  model.dispose();
  return result;
}

/** The file alone has to rebuild the model. */
async function checkFile(path, expected, test) {
  const model = nn.load(await readFile(path));
  const { probabilities } = judge(model, test);
  model.dispose();
  const same = probabilities.every((p, i) => Object.is(p, expected.probabilities[i]));
  if (!same) throw new Error(`${path} predicts otherwise than the model it was saved from.`);
}

function shown(path) {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short;
}

try {
  await main();
} catch (error) {
  // What this example or the system says is for the reader; anything else is a bug, and the stack says where.
  const explained = error.name === "Error" || error.code?.startsWith("ERR_PARSE_ARGS");
  process.stderr.write(`\n${explained ? error.message : error.stack}\n`);
  process.exitCode = 1;
}
