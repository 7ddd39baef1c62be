// One training with its history: the loss and accuracy of every step, and of the test images after every epoch.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { metrics, optim, schedule, Trainer } from "evenkeel";
import { CLASSES } from "./data.mjs";

/** Trains `model`, telling `progress` of each step and epoch. */
export async function trainNet(model, { train, test }, { epochs, batch, seed }, progress) {
  const steps = epochs * Math.ceil(train.y.length / batch);
  const trainer = new Trainer(model, {
    loss: "crossEntropy",
    optimizer: optim.adam({ lr: 1e-3 }),
    schedule: schedule.cosine({ tMax: steps, every: "step" }),
    seed,
  });
  const history = { steps: [], epochs: [] };
  // How long timers have to wait: what a server that trains beside its other work adds to its answers.
  const pauses = monitorEventLoopDelay({ resolution: 1 });
  pauses.enable();
  let seconds = 0;
  // The test images decide nothing here: no early stopping, no choice of a best epoch. They only give points to draw.
  const fit = trainer.fit({
    x: train.x,
    y: train.y,
    epochs,
    batchSize: batch,
    validation: { x: test.x, y: test.y },
    onStep: (step) => {
      history.steps.push({ loss: step.loss, accuracy: step.accuracy });
      progress.step(step);
    },
  });
  for await (const epoch of fit) {
    seconds += epoch.seconds;
    const { loss, accuracy } = epoch.validation;
    history.epochs.push({ step: history.steps.length, loss, accuracy });
    progress.epoch(epoch);
  }
  pauses.disable();
  trainer.dispose();
  return {
    history,
    seconds,
    rowsPerSecond: (epochs * train.y.length) / seconds,
    // The histogram counts the timer's own millisecond too.
    pauses: { median: pauses.percentile(50) / 1e6 - 1, most: pauses.percentile(99) / 1e6 - 1 },
  };
}

/** What a model makes of the test images, in eval mode. */
export function judge(model, { x, y }) {
  model.eval();
  const output = model.predict(x, { activation: "softmax" });
  const probabilities = output.toArray();
  output.dispose();
  const input = { outputs: probabilities, width: CLASSES, rows: y.length, labels: y, values: undefined };
  return {
    probabilities,
    accuracy: metrics.accuracy.compute(input),
    confusion: metrics.confusionMatrix(input),
  };
}
