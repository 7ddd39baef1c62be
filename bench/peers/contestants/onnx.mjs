// ONNX Runtime for the web, its WebAssembly with one thread, behind the benchmark's interface (see
// `../../baseline/contestant.mjs`). It runs models but does not train them, and copies inputs and outputs at each run. The
// right operand of a product is a constant of the model, so it may prepare it once.
import { env, InferenceSession, Tensor } from "onnxruntime-web";
import { EPS } from "../../state.mjs";

export const label = "onnxruntime-web";
export const inferenceOnly = true;

export function start() {
  env.wasm.numThreads = 1;
  env.logLevel = "error";
}

export async function matmulTask(input) {
  const { productModel } = await import("./onnx-model.mjs");
  const { a, m, k, transposed } = input;
  const session = await InferenceSession.create(productModel(input));
  const left = new Tensor("float32", a, transposed === "a" ? [k, m] : [m, k]);
  return {
    run: () => session.run({ a: left }),
    output: async () => ({ c: (await session.run({ a: left })).c.data }),
    dispose: () => session.release(),
  };
}

export async function mnistNet(_rows, state) {
  const { netModel } = await import("./onnx-model.mjs");
  return predictor(netModel(state, EPS));
}

/** `model` is the bytes of an ONNX file. */
export async function predictor(model) {
  const session = await InferenceSession.create(model);
  return {
    predict: async (x, rows) => {
      const { logits } = await session.run({ x: new Tensor("float32", x, [rows, 784]) });
      return logits.data;
    },
    dispose: () => session.release(),
  };
}
