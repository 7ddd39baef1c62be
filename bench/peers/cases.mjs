// What `npm run bench:peers` times: the shapes of the MNIST net's products, batch norm, steps and predictions, and a net
// without batch norm for a library that has none. All built by the makers of `../cases.mjs`.
import { batchNormCase, generator, matmulCase, netCase, normal, predictCase, stepCase } from "../cases.mjs";

const BATCH_NORM_SIZES = [
  [128, 256],
  [1024, 512],
];

/** `states` are `{ net, plain }`, the starting values. */
export function peerCases(data, states) {
  return [
    ...[256, 512, 1024].map((n) => matmulCase(`matmul ${n}x${n}x${n}`, n, n, n)),
    matmulCase("matmul [128,784] x [784,256]", 128, 784, 256),
    matmulCase("matmul transposed A, 784x128x256", 784, 128, 256, "a"),
    matmulCase("matmul transposed B, 128x256x784", 128, 256, 784, "b"),
    matmulCase("vector x matrix, 1x784x256", 1, 784, 256),
    ...BATCH_NORM_SIZES.flatMap(([rows, channels]) => [
      batchNormCase("batch norm forward", "batchNormForwardTask", rows, channels),
      batchNormCase("batch norm forward + backward", "batchNormBothTask", rows, channels),
    ]),
    ...[128, 32].map((rows) => stepCase(rows, data, states.net)),
    ...[1, 32, 1024].map((rows) => predictCase(rows, data, states.net)),
    plainCase(data, states.plain),
  ];
}

function plainCase(data, state) {
  const step = (net, { x, labels }) => net.step(x, labels);
  return { ...netCase("plain net, training step, 1 row", "plain", "plainNet", 1, data, state, step), trains: true };
}

/** Small random weights for the net without batch norm, 784-128-10. */
export function plainState() {
  const random = generator(7);
  const draw = (outputs, inputs) => normal(random, outputs * inputs).map((value) => value / Math.sqrt(inputs));
  return {
    "0.weight": draw(128, 784),
    "0.bias": new Float32Array(128),
    "2.weight": draw(10, 128),
    "2.bias": new Float32Array(10),
  };
}
