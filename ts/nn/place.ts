/**
 * Where in a model of one's own something went wrong. A built-in module knows the path within itself; these put the
 * path to it in front.
 */
import { badArgument } from "../check.js";
import { core, placed, told } from "../crossing.js";
import { EvenkeelError } from "../errors.js";
import { zeros } from "../tensor/create.js";
import { Tensor } from "../tensor/tensor.js";
import type { CoreModule } from "./core-module.js";
import type { Features, Module } from "./module.js";

/** @internal */
export type Shapes = ReadonlyMap<CoreModule, readonly number[]>;

type Model = Module<Features, Features>;

const origins = new WeakMap<EvenkeelError, CoreModule>();

/** @internal Notes which module an error came out of; the first one stands. */
export function cameFrom(module: CoreModule, error: unknown): unknown {
  if (error instanceof EvenkeelError && !origins.has(error)) origins.set(error, module);
  return error;
}

function pathOf(module: CoreModule, model: Model): string | undefined {
  return model.coreModules().find(([, m]) => m === module)?.[0];
}

/** @internal Runs `f`; an error out of a built-in layer then names that layer's place in `model`. */
export function locating<R>(model: Model, f: () => R): R {
  try {
    return f();
  } catch (error) {
    const origin = error instanceof EvenkeelError ? origins.get(error) : undefined;
    const path = origin === undefined ? undefined : pathOf(origin, model);
    throw path === undefined || path === "" ? error : placed(error as EvenkeelError, path);
  }
}

/** @internal What a model's forward gave. */
export function outputOf(output: unknown): Tensor {
  if (!(output instanceof Tensor)) throw badArgument("what forward returns", "a tensor", output);
  return output;
}

let watcher: ((module: CoreModule, x: Tensor) => void) | undefined;

/** @internal Called with each built-in module that runs and its input. */
export function notice(module: CoreModule, x: Tensor): void {
  watcher?.(module, x);
}

/** @internal The shapes of what the built-in modules in `model` are given, where it is given this shape. */
export function inputShapes(model: Model, shape: readonly number[]): Shapes {
  const shapes = new Map<CoreModule, readonly number[]>();
  watcher = (module, x) => {
    if (!shapes.has(module)) shapes.set(module, x.shape);
  };
  const zero = zeros(shape);
  try {
    model.predictOnce(zero).dispose();
  } finally {
    watcher = undefined;
    zero.dispose();
  }
  return shapes;
}

/** @internal Place and kind of the first layer in `model` that gives NaN or infinity while `run` runs. */
export function firstNotFinite(model: Model, run: () => void): { layer: string; kind: string } | undefined {
  let found: { layer: string; kind: string } | undefined;
  watcher = (module, x) => {
    if (found !== undefined || core.firstNotFinite(module.id, x.id) === 0) return;
    const [inner, kind] = told<[path: string, kind: string]>();
    found = { layer: [pathOf(module, model) ?? "", inner].filter((p) => p !== "").join("."), kind };
  };
  try {
    run();
  } finally {
    watcher = undefined;
  }
  return found;
}
