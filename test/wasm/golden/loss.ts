/** Golden files of losses. */
import { nn, type Tensor } from "evenkeel";
import { indicesOf, type Run } from "./run.js";

/** A setting or input only where the file has it, under the name that the API gives it. */
function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}

function compute(run: Run, x: Tensor): Tensor {
  const { op, config } = run.case;
  const values = (name: string) => (run.given(name) ? Float32Array.from(run.golden(name).data) : undefined);
  const reduction = { reduction: (config.reduction ?? "mean") as nn.Reduction };
  const classes = {
    ...reduction,
    ...optional("weight", values("weight")),
    ...optional("ignoreIndex", run.optional("ignore_index")),
  };
  const target = run.golden("target");
  switch (op) {
    case "cross_entropy":
    case "cross_entropy_prob": {
      const options = { ...classes, ...optional("labelSmoothing", run.optional("label_smoothing")) };
      return nn.crossEntropy(x, target.integer ? indicesOf(target) : run.input("target"), options);
    }
    case "nll":
      return nn.nll(x, indicesOf(target), classes);
    case "bce_with_logits":
      return nn.bceWithLogits(x, run.input("target"), {
        ...reduction,
        ...optional("posWeight", values("pos_weight")),
        ...optional("elementWeight", run.given("weight") ? run.input("weight") : undefined),
      });
    case "mse":
      return nn.mse(x, run.input("target"), reduction);
    case "l1":
      return nn.l1(x, run.input("target"), reduction);
    case "huber":
      return nn.huber(x, run.input("target"), { ...reduction, ...optional("delta", run.optional("delta")) });
    default:
      return nn.smoothL1(x, run.input("target"), { ...reduction, ...optional("beta", run.optional("beta")) });
  }
}

export function loss(run: Run): void {
  const x = run.tracked("x");
  const value = compute(run, x);
  if (run.has("y")) {
    run.output("y", value);
    value.backward(run.input("gy"));
  } else {
    run.output("loss", value);
    value.backward();
  }
  run.grad("x", x);
}
