/**
 * Golden vectors: JSON files of inputs, settings and PyTorch's results; `test/golden/README.md` has the schema. The
 * folder is `$EVENKEEL_GOLDEN`, else the repository's `test/golden`, so that other vectors of the schema can be run.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A golden tensor. */
export interface Golden {
  readonly shape: readonly number[];
  readonly data: readonly number[];
  /** Whether it holds integers. */
  readonly integer: boolean;
}

/** Which of a file's results. */
export type Part = "outputs" | "grads";

type Results = Readonly<Record<Part, Readonly<Record<string, Golden>>>>;
type Json = Readonly<Record<string, unknown>>;

/** A golden file. */
export interface Case {
  readonly name: string;
  /** The kind. */
  readonly op: string;
  readonly dtype: string;
  readonly config: Json;
  readonly inputs: Readonly<Record<string, Golden>>;
  /** As the file's own type computed them. */
  readonly computed: Results;
  /** In double precision from the same inputs; files in single precision have them. */
  readonly ref64: Results | undefined;
  /** How far PyTorch's own single precision is from the reference. */
  readonly f32Error: Readonly<Partial<Record<Part, Readonly<Record<string, number>>>>>;
  /** The whole file, for what only some kinds have. */
  readonly raw: Json;
}

/** Whether the vectors are not the repository's own. */
export const isForeign = process.env.EVENKEEL_GOLDEN !== undefined;

/** Where the golden vectors are. */
export const folder = process.env.EVENKEEL_GOLDEN ?? fileURLToPath(new URL("../../golden", import.meta.url));

/** A number, where JSON has no word for it as text; a switch is 0 or 1. */
export function numberOf(x: unknown): number {
  if (typeof x === "number") return x;
  if (typeof x === "boolean") return Number(x);
  const words: Record<string, number> = {
    NaN: Number.NaN,
    Infinity: Number.POSITIVE_INFINITY,
    inf: Number.POSITIVE_INFINITY,
    "-Infinity": Number.NEGATIVE_INFINITY,
    "-inf": Number.NEGATIVE_INFINITY,
  };
  const value = words[String(x)];
  if (value === undefined) throw new Error(`not a number: ${JSON.stringify(x)}`);
  return value;
}

/** The tensors of an object; what is no tensor is left out. */
function tensorsOf(object: unknown): Record<string, Golden> {
  const found: Record<string, Golden> = {};
  for (const [name, value] of Object.entries((object ?? {}) as Record<string, Json>)) {
    if (!Array.isArray(value.shape) || !Array.isArray(value.data)) continue;
    found[name] = { shape: value.shape, data: value.data.map(numberOf), integer: value.dtype === "int64" };
  }
  return found;
}

const resultsOf = (object: Json): Results => ({ outputs: tensorsOf(object.outputs), grads: tensorsOf(object.grads) });

/** One golden file, by its name without ".json". */
function load(name: string): Case {
  const raw = JSON.parse(readFileSync(`${folder}/${name}.json`, "utf8")) as Json;
  return {
    name,
    op: String(raw.op),
    dtype: String(raw.dtype),
    config: (raw.config ?? {}) as Json,
    inputs: tensorsOf(raw.inputs),
    computed: resultsOf(raw),
    ref64: raw.ref64 === undefined ? undefined : resultsOf(raw.ref64 as Json),
    f32Error: (raw.f32_err ?? {}) as Case["f32Error"],
    raw,
  };
}

/** All golden files, by name. */
export function all(): Case[] {
  const names = readdirSync(folder).flatMap((file) => (file.endsWith(".json") ? [file.slice(0, -5)] : []));
  return names.sort().map(load);
}
