/**
 * What a person holds of the core. `dispose()` frees it at once, so does leaving a `using` block or a `scope`; the
 * garbage collector is the net beneath, which never works inside synchronous code.
 */
import { release } from "./crossing.js";
import { disposed, Held } from "./dispose.js";
import { EvenkeelError } from "./errors.js";

// Not everywhere: workerd had none for long.
const collected =
  typeof FinalizationRegistry === "function" ? new FinalizationRegistry<number>((id) => release(id)) : undefined;

/**
 * A handle on something in the core, known there by a number. The number is another thing's once this one is freed, so
 * it is asked for anew for each call, and never kept past one that may dispose of the handle.
 */
export class Handle extends Held {
  #id: number;
  readonly #what: string;

  /** @internal `what` it is, for errors: class names do not survive bundlers. */
  constructor(id: number, what: string) {
    super();
    this.#id = id;
    this.#what = what;
    collected?.register(this, id, this);
  }

  /** @internal */
  get id(): number {
    if (this.#id === 0) throw disposed(this.#what);
    return this.#id;
  }

  /** Whether `dispose` has been called. */
  get disposed(): boolean {
    return this.#id === 0;
  }

  /** @internal The number, for who takes over what it names; the handle is then disposed of. */
  leave(): number {
    const { id } = this;
    this.#id = 0;
    collected?.unregister(this);
    return id;
  }

  /** Frees it. Calling again does nothing. */
  dispose(): void {
    if (this.#id !== 0) release(this.leave());
  }
}

type Scoped = { dispose(): void };
const scopes: Scoped[][] = [];

/** @internal Notes a tensor in the innermost scope. */
export function note(handle: Scoped): void {
  scopes[scopes.length - 1]?.push(handle);
}

function keep(value: unknown, kept: Set<unknown>): void {
  if (typeof value !== "object" || value === null || kept.has(value)) return;
  kept.add(value);
  if (value instanceof Handle) return;
  if (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) {
    for (const inner of Object.values(value)) keep(inner, kept);
  }
}

/**
 * Runs `f` and disposes of every tensor made inside, but for those in what it returns (a tensor, or arrays and plain
 * objects of them). Parameters, layers and optimizers are not touched.
 *
 * @example
 * const y = scope(() => x.mul(2).add(1).relu()); // one tensor is left
 */
export function scope<R>(f: () => R): R {
  const made: Scoped[] = [];
  scopes.push(made);
  const kept = new Set<unknown>();
  try {
    const result = f();
    if (typeof (result as { then?: unknown } | null | undefined)?.then === "function") {
      throw new EvenkeelError(
        "BAD_ARGUMENT",
        "scope takes a synchronous function: an async one returns before it is done.",
      );
    }
    keep(result, kept);
    return result;
  } finally {
    scopes.pop();
    for (const handle of made) {
      if (kept.has(handle)) note(handle);
      else handle.dispose();
    }
  }
}
