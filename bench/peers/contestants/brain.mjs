// brain.js behind the benchmark's interface (see `../../baseline/contestant.mjs`): it has dense layers with one
// activation, trained by gradient descent row by row, so it takes part with the plain net only. `trainPattern` is what
// its `train` calls for each row, after copying all rows.
import brain from "brain.js";
import { oneHot } from "../../mnist.mjs";
import { PLAIN_RATE } from "../../state.mjs";

export const label = "brain.js";

export function start() {}

export function plainNet(_rows, state) {
  // It descends half the sum of the squared errors, the others their mean over ten outputs.
  const net = new brain.NeuralNetwork({ activation: "sigmoid", learningRate: PLAIN_RATE / 5 });
  // Its options refuse 0.
  net.trainOpts.momentum = 0;
  net.sizes = [784, 128, 10];
  net.initialize();
  [0, 2].forEach((place, i) => {
    const inputs = net.sizes[i];
    const weight = state[`${place}.weight`];
    net.biases[i + 1].set(state[`${place}.bias`]);
    net.weights[i + 1].forEach((row, o) => {
      row.set(weight.subarray(o * inputs, (o + 1) * inputs));
    });
  });
  return {
    step: (input, labels) => net.trainPattern({ input, output: oneHot(labels) }, true),
    run: (input) => net.run(input),
  };
}
