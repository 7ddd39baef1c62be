// A layer and a loss of one's own, trained like built-in ones: on the 150 irises, by their distances to learned
// prototypes, with the focal loss. Run `npm run build` once, then `node examples/custom-layer/main.mjs`.
import { readFile } from "node:fs/promises";
import { indices, init, Module, manualSeed, nn, oneHot, optim, randn, Trainer } from "evenkeel";

const CLASSES = 3;

/** One point per class in the space of the features; a class scores by how near its point is: −|x − pₖ|²·sₖ. */
class Prototypes extends Module {
  constructor(features, classes) {
    super();
    // Parameters and layers in the fields of a module are found, trained, saved and cloned.
    this.points = nn.parameter(randn([classes, features]));
    this.sharpness = nn.parameter(Array(classes).fill(1));
  }
  forward(x) {
    const [rows, features] = x.shape;
    const toEach = x.reshape([rows, 1, features]).sub(this.points); // [rows, classes, features]
    return toEach.square().sum(-1).mul(this.sharpness).neg();
  }
}

/** Focal loss (Lin et al. 2017): cross entropy in which rows that are right already count little. */
function focalLoss(scores, labels) {
  const logProbability = scores.logSoftmax().mul(oneHot(labels, CLASSES)).sum(-1);
  const miss = logProbability.exp().neg().add(1);
  return miss.square().mul(logProbability).mean().neg();
}

await init();
manualSeed(1);

const iris = JSON.parse(await readFile(new URL("../../test/data/iris.json", import.meta.url), "utf8"));
// The file is sorted by species: every third row is for testing.
const rows = iris.x.map((x, i) => ({ x, y: iris.y[i], test: i % 3 === 0 }));
const pick = (test) => {
  const chosen = rows.filter((row) => row.test === test);
  return { x: chosen.map((row) => row.x), y: chosen.map((row) => row.y) };
};
const [train, test] = [pick(false), pick(true)];

const model = nn.sequential(nn.featureNorm(4).adapt(train.x), new Prototypes(4, CLASSES));
console.log(model.summary());

const trainer = new Trainer(model, { loss: focalLoss, optimizer: optim.adam({ lr: 0.05 }), seed: 1 });
// `indices` says that these are classes; plain numbers would reach the loss as a tensor of values.
for await (const epoch of trainer.fit({ x: train.x, y: indices(train.y), epochs: 40, batchSize: 20 })) {
  if ((epoch.epoch + 1) % 10 === 0) console.log(`epoch ${epoch.epoch + 1}: focal loss ${epoch.loss.toFixed(4)}`);
}

const taken = model.predict(test.x).argmax().toArray();
const right = test.y.filter((label, row) => label === taken[row]).length;
console.log(
  `${right} of ${test.y.length} irises in the test set are right: ${((100 * right) / test.y.length).toFixed(1)} %`,
);
if (right < 0.9 * test.y.length) process.exitCode = 1;
