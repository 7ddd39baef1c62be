// The report: one HTML file that needs nothing else, no script, no network.
import { cpus } from "node:os";
import { percent, whole } from "../progress.mjs";
import { charts } from "./charts.mjs";
import { confusionHeat } from "./confusion.mjs";
import { worstDigits } from "./digits.mjs";
import { html, trusted } from "./html.mjs";
import { style } from "./style.mjs";

/** The page's text. `withNorm` and `without` are the two trainings. */
export function reportPage({ withNorm, without, test, options }) {
  const nets = [
    { ...withNorm, key: "with", title: "with batch norm", history: withNorm.trained.history },
    { ...without, key: "without", title: "without batch norm", history: without.trained.history },
  ];
  const worst = worstDigits(test, withNorm.test.probabilities);
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>MNIST with and without batch norm</title>
<style>${trusted(style)}</style>
</head>
<body>
<main>
<h1>MNIST with and without batch norm</h1>
<p>A network of 784-256-128-10 neurons, trained twice by evenkeel on 60,000 handwritten digits: the same initial weights,
the same order of the images, once with batch norm before each of the two ReLUs. Then tested on
${whole(test.y.length)} digits that it had not seen.</p>
<ul class="result">
  ${nets.map((net) => html`<li><b class="${net.key}">${percent(net.test.accuracy)}</b> ${net.title}</li>`)}
</ul>

<h2>How they learned</h2>
${charts(nets)}

<h2>Numbers</h2>
${numbers(nets, test.y.length, options.epochs)}

<h2>What was taken for what</h2>
<p class="quiet">The net with batch norm on the test images. Each row is a digit: how often it was taken for which.</p>
${confusionHeat(withNorm.test.confusion)}

<h2>The digits it got most wrong</h2>
<p class="quiet">${worst.shown} of its ${worst.count} errors, those that leave the least probability to the right answer. Under
each: the label and what it was taken for, how sure the net was of that, and what it gave the label.</p>
${worst.sheet}

<h2>The network</h2>
<pre>${withNorm.summary}</pre>
<p class="quiet">The first layer normalises the pixels by the training set's mean and standard deviation. It is part of the
saved model, which therefore takes images as they are, in bytes from 0 to 255.</p>
</main>
<footer class="quiet">
  Seed ${options.seed}, batches of ${options.batch}, Adam with a cosine schedule from 0.001.
  Node ${process.version}, ${cpus()[0]?.model.trim() ?? process.arch}, ${new Date().toISOString().slice(0, 10)}.
</footer>
</body>
</html>
`;
  return page.text;
}

function numbers(nets, tested, epochs) {
  const rows = [
    ["Test accuracy", ({ test }) => percent(test.accuracy)],
    ["Wrong of the test images", ({ test }) => whole((1 - test.accuracy) * tested)],
    ["Test loss", ({ history }) => history.epochs.at(-1).loss.toFixed(4)],
    [`Training time, ${epochs} epoch${epochs === 1 ? "" : "s"}`, ({ trained }) => `${trained.seconds.toFixed(1)} s`],
    ["Images a second, training", ({ trained }) => whole(trained.rowsPerSecond)],
    [
      "Pauses of the event loop, median and 99 %",
      ({ trained: { pauses } }) => `${pauses.median.toFixed(0)} ms, ${pauses.most.toFixed(0)} ms`,
    ],
    ["Parameters", ({ parameters }) => whole(parameters)],
    ["File size", ({ file }) => `${whole(file.length / 1000)} kB`],
  ];
  return html`
<div class="scroll">
<table class="numbers">
  <thead><tr><td></td>${nets.map(({ key, title }) => html`<th scope="col" class="${key}">${title}</th>`)}</tr></thead>
  <tbody>
    ${rows.map(
      ([name, value]) => html`
    <tr><th scope="row">${name}</th>${nets.map((net) => html`<td>${value(net)}</td>`)}</tr>`,
    )}
  </tbody>
</table>
</div>`;
}
