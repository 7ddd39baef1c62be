// The comparison with the peers as the page docs/benchmarks.md. `ratios` is also what the plot shows.
import { markdownTable } from "markdown-table";
import { ENOUGH_PROCESSOR } from "../measure.mjs";
import { factor, machineLine, percent, quartiles, time } from "../report.mjs";

/**
 * Each other contestant's time as a multiple of evenkeel's (or of the variant's that `of` names), by id, and the id of the
 * fastest peer, if one takes part. Those in `unlike` do something else in this case, so they are no measure.
 */
export function ratios({ times, unlike = [] }, contestants, of = "evenkeel") {
  const others = contestants.filter(({ id }) => id !== of && times[id]);
  const byId = Object.fromEntries(others.map(({ id }) => [id, times[id].median / times[of].median]));
  const [best] = others.filter(({ id, peer }) => peer && !unlike.includes(id)).sort((a, b) => byId[a.id] - byId[b.id]);
  return { byId, best: best?.id };
}

export function toMarkdown(result, plotName) {
  const { date, machine, contestants: everyone, missing, cases, checks, warnings, quick, sessions } = result;
  const contestants = everyone.filter(({ variant }) => !variant);
  const starved = cases.some(({ times }) => Object.values(times).some(isStarved));
  const sections = [
    "# Benchmarks",
    `Written by \`npm run bench:peers\`, ${date.slice(0, 10)}${quick ? ", with --quick" : ""}. ${machineLine(machine)}.`,
    `Versions: ${contestants
      .filter(({ peer }) => peer)
      .map(({ label, version }) => `${label} ${version}`)
      .join(", ")}.`,
    ...(plotName ? [`![Times as multiples of evenkeel's](${plotName})`] : []),
    "## How many times faster evenkeel is",
    "The other's median divided by evenkeel's; below 1 the other is faster. Plain JavaScript is no library, so it is not" +
      " counted as a peer.",
    ratioTable(cases, contestants),
    "## Times",
    `Medians with the distances to the quartiles.${
      starved
        ? ` (!): other work took the processor for more than ${percent(1 - ENOUGH_PROCESSOR)} of the time of some samples.`
        : ""
    }`,
    timeTable(cases, contestants),
    ...variantSections(cases, everyone),
    "## The same numbers",
    "Nothing is timed before all compute the same: products and batch norm on the timed inputs, the losses of 20 training" +
      " steps, predictions. The largest difference from plain JavaScript, which sums in doubles, relative to the largest" +
      " value (losses: to each):",
    checkTable(checks),
    "## What is measured",
    [
      `Each contestant has a process of its own, and ${sessions} in all, one after the other; the quartiles are of all their` +
        " samples. The processes take turns, a sample of about 5 ms each, and rest in between. Samples during" +
        " which other work had the processor are taken again, and do not count where there are others. One thread each.",
      ...NOTES,
    ]
      .map((note) => `- ${note}`)
      .join("\n"),
    ...list(
      "Not available here",
      missing.map(({ label, reason }) => `${label}: ${reason}`),
    ),
    ...list("Warnings", warnings),
  ];
  return `${sections.join("\n\n")}\n`;
}

const NOTES = [
  "The net is 784-256-BN-ReLU-128-BN-ReLU-10 on digits of MNIST, with Adam on the cross-entropy.",
  "Operands of products and of batch norm stay where the library keeps them, and results too. A training step takes" +
    " plain arrays and gives the loss as a number; a prediction takes a plain array and gives one. Memory is given back.",
  "evenkeel: as a user writes it, `matmul` (transposed operands through `transpose()`), `nn.batchNorm`, `Trainer.step`," +
    " `model.predict`.",
  "jax-js: the WebAssembly device; every function jitted, a training step as a whole; it is lazy, so each run waits for all" +
    " results. Where the engine has relaxed SIMD (Node 22), it uses its fused multiply-add.",
  "TensorFlow.js: batch norm as its layers write it (`moments` and `batchNorm`), `optimizer.minimize`, production mode. Its" +
    " kernels run at once.",
  "onnxruntime-web: does not train. It copies inputs and outputs at each run. The right operand of a product is a constant" +
    " of the model, which it may prepare once, and the same holds for the weights of the net.",
  "brain.js: has neither batch norm nor batches, so only the plain net: 784-128-10 with sigmoids, gradient descent on the" +
    " squared error, one row a step.",
  "Cold start: from the start of a Node process to its end right after the first prediction of one image, less what" +
    " `node -e 0` takes; weights from a file (onnxruntime-web: an ONNX file). TensorFlow.js is loaded without its" +
    " gradients. brain.js predicts by the plain net, so it does not count as the best peer there.",
];

function ratioTable(cases, contestants) {
  const others = contestants.filter(({ id }) => id !== "evenkeel");
  const head = ["case", "best peer", "vs best peer", ...others.map(({ label }) => `vs ${label}`)];
  const rows = cases.map((one) => {
    const { byId, best } = ratios(one, contestants);
    const name = contestants.find(({ id }) => id === best)?.label ?? "";
    return [one.name, name, best ? `**${factor(byId[best])}**` : "", ...others.map(({ id }) => ratio(byId[id]))];
  });
  return markdownTable([head, ...rows], { align: ["l", "l", ...others.map(() => "r"), "r"] });
}

function timeTable(cases, contestants) {
  const head = ["case", ...contestants.map(({ label }) => label), "evenkeel's GFLOP/s"];
  const rows = cases.map(({ name, times, flops }) => [
    name,
    ...contestants.map(({ id }) => (times[id] ? spread(times[id]) : "")),
    flops ? (flops / times.evenkeel.median / 1e6).toFixed(1) : "",
  ]);
  return markdownTable([head, ...rows], { align: ["l", ...contestants.map(() => "r"), "r"] });
}

function checkTable(checks) {
  const labels = [...new Set(checks.map(({ contestant }) => contestant))];
  const worst = (label, wanted) => {
    const own = checks.filter(({ contestant, name }) => contestant === label && /losses$/.test(name) === wanted);
    return own.length > 0 ? Math.max(...own.map(({ difference }) => difference)).toExponential(1) : "";
  };
  const rows = labels.map((label) => [label, worst(label, true), worst(label, false)]);
  return markdownTable([["", "losses of 20 steps", "all else"], ...rows], { align: ["l", "r", "r"] });
}

function variantSections(cases, contestants) {
  const variants = contestants.filter(({ variant }) => variant);
  if (variants.length === 0) return [];
  return [
    "## Variants of evenkeel",
    "How many times faster the variant is than the default, than jax-js and than the best peer.",
    ...variants.map(({ id, label, options }) => {
      const rows = cases
        .filter(({ times }) => times[id])
        .map((one) => {
          const { byId, best } = ratios(one, contestants, id);
          return [one.name, spread(one.times[id]), ratio(byId.evenkeel), ratio(byId.jax), ratio(byId[best])];
        });
      const title = `${label}: \`init(${JSON.stringify(options)})\``;
      const head = [title, "time", "vs default", "vs jax-js", "vs best peer"];
      return markdownTable([head, ...rows], { align: ["l", "r", "r", "r", "r"] });
    }),
  ];
}

function list(title, items) {
  return items.length > 0 ? [`## ${title}`, items.map((item) => `- ${item}`).join("\n")] : [];
}

function spread(statistics) {
  return `${time(statistics.median)} (${quartiles(statistics)})${isStarved(statistics) ? " (!)" : ""}`;
}

// Of a cold start it is not known.
function isStarved({ processorShare = 1 }) {
  return processorShare < ENOUGH_PROCESSOR;
}

function ratio(value) {
  return value === undefined ? "" : factor(value);
}
