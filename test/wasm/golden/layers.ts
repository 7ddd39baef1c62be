/** Golden files of activations, the dense layer and matrix products. */
import { nn } from "evenkeel";
import type { Run } from "./run.js";

/** The layer of a file, whose settings have PyTorch's names. */
function layerOf(run: Run): nn.CoreModule<"same", "same"> {
  const number = (name: string) => run.number(name);
  const layers: Record<string, () => nn.CoreModule<"same", "same">> = {
    elu: () => nn.elu(number("alpha")),
    gelu: () => nn.gelu({ approximate: run.case.config.approximate as "none" | "tanh" }),
    hardsigmoid: nn.hardsigmoid,
    hardswish: nn.hardswish,
    hardtanh: () => nn.hardtanh({ minVal: number("min_val"), maxVal: number("max_val") }),
    leaky_relu: () => nn.leakyRelu(number("negative_slope")),
    log_softmax: () => nn.logSoftmax(number("dim")),
    logsigmoid: nn.logsigmoid,
    mish: nn.mish,
    relu: nn.relu,
    relu6: nn.relu6,
    selu: nn.selu,
    sigmoid: nn.sigmoid,
    silu: nn.silu,
    softmax: () => nn.softmax(number("dim")),
    softplus: () => nn.softplus({ beta: number("beta"), threshold: number("threshold") }),
    softsign: nn.softsign,
    tanh: nn.tanh,
  };
  const kind = run.case.op.replace(/^activation_/, "");
  const make = layers[kind];
  if (make === undefined) throw new Error(`nobody knows the activation "${kind}"`);
  return make();
}

export function activation(run: Run): void {
  const layer = layerOf(run);
  const x = run.tracked("x");
  const y = layer.forward(x);
  y.backward(run.input("gy"));
  run.output("y", y);
  run.grad("x", x);
  // The file that a model is saved in brings its settings back.
  run.output("y", nn.load(layer.save()).predict(x));
}

export function linear(run: Run): void {
  const [out, inputs] = run.golden("w").shape as [number, number];
  const layer = nn.dense(inputs, out, { bias: run.given("b") });
  layer.loadState({ weight: stateOf(run, "w"), ...(run.given("b") ? { bias: stateOf(run, "b") } : {}) });
  const x = run.tracked("x");
  const y = layer.forward(x);
  y.backward(run.input("gy"));
  run.output("y", y);
  run.grad("x", x);
  for (const [name, parameter] of layer.namedParameters()) run.grad(name === "weight" ? "w" : "b", parameter);
}

export function matmul(run: Run): void {
  const [a, b] = [run.tracked("a"), run.tracked("b")];
  const y = a.matmul(b);
  y.backward(run.input("gy"));
  run.output("y", y);
  run.grad("a", a);
  run.grad("b", b);
}

/** An input as an entry of a state. */
export function stateOf(run: Run, name: string): nn.StateValue {
  const { data, shape } = run.golden(name);
  return { data: Float32Array.from(data), shape };
}
