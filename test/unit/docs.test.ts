// The documentation's code is true: every program in README.md and docs/ runs and prints what it says it prints, and
// every @example in ts/ compiles and runs.
//
// A program is a js or ts block that starts by importing from "evenkeel"; it runs in a process of its own, with the
// repository as its directory, so that the package finds itself by its name. What it says it prints:
// - a text block right below it, after a line that begins with "It prints", is all of its output;
// - a comment behind a console.log, or alone on the next line, is a line of it, in this order (", then " separates several).
import { execFile, execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { diagnose, root } from "./compile.js";

/** Stands before each @example, in a scope around it, so that an example may name things of its own the same. */
const prelude = `import {
  arange, concat, eye, full, indices, linspace, manualSeed, memory, metrics, Module, nn, noGrad, oneHot, ones, optim,
  Optimizer, Parameter, rand, randint, randn, schedule, Scheduler, scope, stack, Tensor, tensor, Trainer, where, zeros,
  init } from "evenkeel";
import { spawn } from "evenkeel/worker";
await init();
const x = randn([6, 4], { seed: 1 });
const y = [0, 1, 2, 0, 1, 2];
const model = nn.sequential(nn.dense(4, 8), nn.batchNorm(8), nn.relu(), nn.dense(8, 3));
`;

interface Program {
  /** File and line of what opens it: line n of the code is n lines below. */
  readonly place: string;
  readonly language: "js" | "ts";
  readonly code: string;
  /** All that it prints, where that is shown. */
  readonly output?: string | undefined;
}

const lineOf = (text: string, at: number): number => text.slice(0, at).split("\n").length;

function programsOf(file: string): Program[] {
  const text = readFileSync(join(root, file), "utf8");
  const blocks =
    /^```(js|ts)\n(import [^;]*?from "evenkeel";[\s\S]*?)^```\n(?:\s*It prints[^\n]*\n\s*```text\n([\s\S]*?)^```$)?/gm;
  return Array.from(text.matchAll(blocks), (match) => ({
    place: `${file}:${lineOf(text, match.index)}`,
    language: match[1] as "js" | "ts",
    code: match[2] as string,
    output: match[3],
  }));
}

function examplesOf(file: string): Program[] {
  const text = readFileSync(join(root, file), "utf8");
  return Array.from(text.matchAll(/^ *\* @example\b.*\n((?: *\*(?![/]| @).*\n)*)/gm), (match) => {
    const lines = (match[1] as string).split("\n").map((line) => line.replace(/^ *\* ?/, ""));
    const code = lines.filter((line) => !line.startsWith("```")).join("\n");
    return {
      place: `${file}:${lineOf(text, match.index)}`,
      language: "ts",
      code: `${prelude}{\n${code}}\nexport {};\n`,
    };
  });
}

/** The lines that comments say a program prints. */
function promised(code: string): string[] {
  const lines = code.split("\n");
  return lines.flatMap((line, i) => {
    if (!/^\s*(?!\/\/).*console\.log\(/.test(line)) return [];
    const said = /; \/\/ (.*)$/.exec(line)?.[1] ?? /^\s*\/\/ (.*)$/.exec(lines[i + 1] ?? "")?.[1];
    return said === undefined ? [] : said.split(", then ");
  });
}

/** Runs code as a module in the repository; what it printed. */
function run({ place, language, code }: Program): Promise<string> {
  const module = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  const js = language === "js" ? code : ts.transpileModule(code, { compilerOptions: module }).outputText;
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      ["--input-type=module", "-"],
      { cwd: root, timeout: 50_000, env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined } },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`The program at ${place} failed:\n${stderr || error.message}`));
      },
    );
    child.stdin?.end(js);
  });
}

const documents = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)];
const sources = readdirSync(join(root, "ts"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => `ts/${name}`);
const programs = documents.filter((name) => name.endsWith(".md")).flatMap(programsOf);
const examples = sources.flatMap(examplesOf);

describe.concurrent("a program in the documents", { timeout: 60_000 }, () => {
  for (const program of programs) {
    it(`${program.place} runs and prints what it says`, async ({ expect }) => {
      const output = await run(program);
      if (program.output !== undefined) expect(output, program.place).toBe(program.output);
      let rest = output.split("\n");
      for (const line of promised(program.code)) {
        expect(rest, program.place).toContain(line);
        rest = rest.slice(rest.indexOf(line) + 1);
      }
    });
  }
});

describe.concurrent("an @example in the sources", { timeout: 60_000 }, () => {
  for (const example of examples) it(`${example.place} runs`, () => run(example));
});

it("TypeScript compiles every @example, and every program written in it", () => {
  const all = [...examples, ...programs.filter(({ language }) => language === "ts")];
  const errors = diagnose(all.map(({ code }) => code));
  expect(Object.fromEntries(all.map(({ place }, i) => [place, errors[i]]))).toEqual(
    Object.fromEntries(all.map(({ place }) => [place, []])),
  );
});

it("no block is overlooked: whatever imports evenkeel is run, and the README's first program shows its output", () => {
  for (const file of documents.filter((name) => name.endsWith(".md"))) {
    const text = readFileSync(join(root, file), "utf8");
    const importing = (code: string) => code.match(/^import .* from "evenkeel/gm)?.length ?? 0;
    const run = programs.filter(({ place }) => place.startsWith(`${file}:`));
    expect(importing(run.map(({ code }) => code).join("")), file).toBe(importing(text));
  }
  expect(programs.find(({ place }) => place.startsWith("README.md"))?.output).toMatch(/^0 /);
  expect(examples.length).toBe(
    sources.flatMap((file) => readFileSync(join(root, file), "utf8").match(/@example/g) ?? []).length,
  );
});

it("the README's table of hosts is that of docs/runtimes.json, whose bits are the native core's of now", () => {
  execFileSync(process.execPath, ["scripts/hosts-table.mjs", "--check"], { cwd: root });
  const parsed = (file: string) => JSON.parse(readFileSync(join(root, file), "utf8"));
  const { hosts, bundlers } = parsed("docs/runtimes.json") as Record<"hosts" | "bundlers", { weights: string }[]>;
  const { weights } = parsed("test/same_bits.json").digits;
  expect(hosts.length * bundlers.length).toBeGreaterThan(0);
  for (const row of [...hosts, ...bundlers]) expect(row).toMatchObject({ weights });
});
