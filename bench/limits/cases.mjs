// What is measured against what. `k` are the classes of crates/evenkeel-bench: kernels, and the machine's limits.
import { DIGITS, predictCase, stepCase } from "../cases.mjs";
import * as evenkeel from "../evenkeel.mjs";
import { digits } from "../mnist.mjs";

const LAYOUTS = ["NN", "NT", "TN"];
const SHAPES = [
  [128, 256, 1],
  [1024, 512, 1],
  [64, 32, 28 * 28],
];
// The parameters of 784-256-BN-128-BN-10.
export const PARAMETERS = 235_904;

export function groups(k) {
  return [matmul(k), odd(k), vectors(k), norms(k), optimizers(k), others(k), net()];
}

function gemm(k, layout, m, n, depth) {
  return k.gemm(m, n, depth, layout === "TN", layout === "NT");
}

function tile(k) {
  return { name: "T: the register tile", make: () => k.tile(512), per: 2 * 4 * 8 * 512 };
}

function matmul(k) {
  const sizes = [256, 512, 1024].map((n) => [n, n, n]);
  const cases = [...sizes, [128, 256, 784]].flatMap(([m, n, depth]) =>
    LAYOUTS.map((layout) => ({
      name: `${layout} [${m},${depth}]x[${depth},${n}]`,
      make: () => gemm(k, layout, m, n, depth),
      per: 2 * m * n * depth,
      limit: "T: the register tile",
      target: 0.95,
      least: true,
    })),
  );
  return { name: "matmul", cases: [tile(k), ...cases] };
}

// Each dimension by itself goes through sizes that are no multiples of 8, and all three together; of each of these the worst.
function odd(k) {
  const sizes = [1, 2, 3, 5, 7, 9, 11, 13, 15, 17, 23, 31, 33, 47, 57, 65, 70];
  const sweeps = {
    "m x64x64": (s) => [s, 64, 64],
    "64xn x64": (s) => [64, s, 64],
    "64x64xk": (s) => [64, 64, s],
    "m=n=k": (s) => [s, s, s],
  };
  const cases = [];
  for (const layout of LAYOUTS) {
    for (const [sweep, shape] of Object.entries(sweeps)) {
      for (const size of sizes) {
        const near = Math.max(8, 8 * Math.round(size / 8));
        const [m, n, depth] = shape(size);
        const name = `${layout} ${sweep}: ${size}`;
        const beside = shape(near);
        const limit = `${layout} ${beside}`;
        if (!cases.some((one) => one.name === limit)) {
          cases.push({
            name: limit,
            make: () => gemm(k, layout, ...beside),
            per: 2 * beside[0] * beside[1] * beside[2],
          });
        }
        const make = () => gemm(k, layout, m, n, depth);
        cases.push({
          name,
          sweep: `${layout} ${sweep}`,
          make,
          per: 2 * m * n * depth,
          limit,
          target: 0.5,
          least: true,
        });
      }
    }
  }
  const rows = (results) =>
    LAYOUTS.flatMap((layout) =>
      Object.keys(sweeps).flatMap((sweep) => {
        const all = results.filter(({ name }) => name.startsWith(`${layout} ${sweep}: `));
        const short = all.filter(({ ok }) => !ok).map(({ name }) => name.split(": ")[1]);
        const [worst] = all.toSorted((a, b) => a.ratio - b.ratio);
        return { ...worst, name: `${worst.name}${short.length ? ` (short: ${short.join(" ")})` : ""}` };
      }),
    );
  return { name: "odd sizes, 1 to 70", cases, rows };
}

function vectors(k) {
  const cases = [
    [256, 784],
    [1024, 1024],
  ].flatMap(([n, depth]) => {
    const limit = `reading ${n}x${depth} once`;
    const against = { limit, target: 1.3 };
    return [
      { name: limit, make: () => k.read(n * depth) },
      { name: `1x${depth}x${n}, W as stored by dense`, make: () => gemm(k, "NT", 1, n, depth), ...against },
      { name: `1x${depth}x${n}`, make: () => gemm(k, "NN", 1, n, depth), ...against },
      { name: `${n}x${depth}x1`, make: () => gemm(k, "NN", n, 1, depth), ...against },
    ];
  });
  return { name: "matrix by vector", cases };
}

function norms(k) {
  const cases = SHAPES.flatMap((shape) => {
    const count = shape.reduce((a, b) => a * b);
    const label = shape[2] === 1 ? `[${shape.slice(0, 2)}]` : "[64,32,28,28]";
    const limit = `copy of ${label}`;
    return [
      { name: limit, make: () => k.copy(count) },
      { name: `${limit} by 128-bit registers`, make: () => k.copyLoop(count), limit },
      { name: `forward ${label}`, make: () => k.normForward(...shape, false), limit, target: 2.5 },
      { name: `forward ${label} with ReLU`, make: () => k.normForward(...shape, true), limit, target: 2.5 },
      { name: `backward ${label}`, make: () => k.normBackward(...shape, false), limit, target: 3 },
      { name: `backward ${label} with ReLU`, make: () => k.normBackward(...shape, true), limit, target: 3 },
    ];
  });
  return { name: "batch norm, training", cases };
}

function optimizers(k) {
  const pass = (slots) => ({ name: `a pass over p, g and ${slots} moments`, make: () => k.pass(PARAMETERS, slots) });
  const update = (name, slots) => ({
    name,
    make: () => k.optimizer(name, PARAMETERS),
    limit: `a pass over p, g and ${slots} moments`,
    target: 1.5,
  });
  const slow = { name: "a root and a quotient each", make: () => k.rootAndQuotient(PARAMETERS) };
  const beside = { name: "adam against that", make: () => k.optimizer("adam", PARAMETERS), limit: slow.name };
  const cases = [pass(0), update("sgd", 0), pass(1), update("momentum", 1), pass(2), update("adam", 2)];
  return { name: "optimizers", cases: [...cases, update("adamw", 2), slow, beside] };
}

function others(k) {
  const limit = "copy of 32768";
  const cases = ["relu", "tanh", "sigmoid", "exp", "gelu"].map((name) => ({
    name: `${name} of 32768`,
    make: () => k.unary(name, 32768),
    limit,
  }));
  const rest = [
    { name: "softmax of [128,1000]", make: () => k.softmax(128, 1000) },
    { name: "cross entropy of [128,10] with gradient", make: () => k.crossEntropy(128, 10) },
    { name: "sums of the rows of [128,256]", make: () => k.columnSums(128, 256) },
  ];
  return { name: "others", cases: [{ name: limit, make: () => k.copy(32768) }, ...cases, ...rest] };
}

// Through the package: tensors, tape and calls are part of these.
function net() {
  const repeat = ({ run, dispose }) => ({
    run: (times) => {
      for (let i = 0; i < times; i++) run();
    },
    dispose: () => dispose?.(),
  });
  const mnist = async (maker, rows) => {
    await evenkeel.start();
    return repeat(await maker(rows, await digits(DIGITS), evenkeel.initialState()).make(evenkeel));
  };
  const small = async () => {
    await evenkeel.start();
    const { step, dispose } = evenkeel.smallNet();
    return repeat({ run: step, dispose });
  };
  const cases = [
    ...[1, 32, 1024].map((rows) => ({ name: `inference, batch ${rows}`, make: () => mnist(predictCase, rows) })),
    ...[32, 128].map((rows) => ({ name: `training step, batch ${rows}`, make: () => mnist(stepCase, rows) })),
    { name: "training step of 2-8-2, batch 1", make: small },
  ];
  return { name: "through the package", cases };
}
