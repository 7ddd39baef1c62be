// The two charts, loss and accuracy over the steps, as SVG in the page. Colours are the page's CSS variables, so that
// they follow its light or dark look; the net without batch norm is also dashed, for who does not tell colours apart.
import { axisX, axisY, dot, gridY, line, plot } from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { html, trusted } from "./html.mjs";

/** Steps that one point of a training curve averages: single batches jump too much to compare. */
const STEPS_A_POINT = 20;
const ACCURACY_FROM = 0.9;
const LOSS_TICKS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];

const { document } = parseHTML("<!doctype html><html><body></body></html>");

/** Both figures with their legend. `nets` are `{ key, history }`, key being a class of the page. */
export function charts(nets) {
  const training = nets.flatMap(({ key, history }) => smooth(history.steps).map((point) => ({ ...point, key })));
  const tests = nets.flatMap(({ key, history }) => history.epochs.map((point) => ({ ...point, key })));
  const [lowest, highest] = range([...training, ...tests].map(({ loss }) => loss));
  const loss = chart(training, tests, "loss", {
    label: "Cross-entropy loss over the training steps, on a logarithmic scale",
    y: { type: "log", domain: [lowest, highest], label: null },
    ticks: LOSS_TICKS.filter((tick) => tick >= lowest && tick <= highest),
    format: String,
  });
  const accuracy = chart(training, tests, "accuracy", {
    label: "Accuracy over the training steps",
    y: { domain: [ACCURACY_FROM, 1], label: null },
    ticks: [0.9, 0.92, 0.94, 0.96, 0.98, 1],
    format: (share) => `${Math.round(100 * share)} %`,
  });
  return html`
<ul class="legend">
  ${nets.map(({ key, title }) => html`<li>${swatch(key)} ${title}</li>`)}
  <li class="quiet">lines: training, mean of ${STEPS_A_POINT} batches; dots: test images after each epoch</li>
</ul>
<div class="charts">
  <figure><figcaption>Loss <span class="quiet">(logarithmic)</span></figcaption>${loss}</figure>
  <figure><figcaption>Accuracy <span class="quiet">(from ${100 * ACCURACY_FROM} % up)</span></figcaption>${accuracy}</figure>
</div>`;
}

function chart(training, tests, value, { label, y, ticks, format }) {
  const stroke = ({ key }) => `var(--${key})`;
  const dashes = (key) => (key === "without" ? "5 4" : null);
  const lines = [...new Set(training.map(({ key }) => key))].map((key) =>
    line(
      training.filter((point) => point.key === key),
      { x: "step", y: value, stroke: `var(--${key})`, strokeWidth: 2, strokeDasharray: dashes(key), clip: true },
    ),
  );
  const svg = plot({
    document,
    width: 520,
    height: 330,
    marginLeft: 48,
    marginRight: 12,
    marginTop: 12,
    marginBottom: 44,
    ariaLabel: label,
    style: { fontSize: "14px", fontFamily: "inherit" },
    x: { label: null, domain: [0, Math.max(...tests.map(({ step }) => step))] },
    y,
    marks: [
      gridY(ticks, { stroke: "var(--line)", strokeOpacity: 1 }),
      axisY(ticks, { tickSize: 0, text: format, label: null, fill: "var(--quiet)" }),
      axisX({ ticks: 6, tickSize: 4, label: "step", labelAnchor: "center", labelArrow: "none", fill: "var(--quiet)" }),
      ...lines,
      dot(tests, { x: "step", y: value, r: 5, fill: stroke, stroke: "var(--page)", strokeWidth: 1.5 }),
    ],
  });
  svg.setAttribute("role", "img");
  return trusted(svg.outerHTML);
}

const range = (values) => [Math.max(LOSS_TICKS[0], 0.85 * Math.min(...values)), Math.max(...values)];

function swatch(key) {
  const dashes = key === "without" ? trusted('stroke-dasharray="5 4"') : "";
  return html`<svg width="34" height="12" aria-hidden="true" class="${key}">
    <line x1="0" y1="6" x2="34" y2="6" stroke="currentColor" stroke-width="2.5" ${dashes}/><circle cx="17" cy="6" r="5" fill="currentColor"/></svg>`;
}

function smooth(steps) {
  const points = [];
  // A last point of a few batches would jump: they join the one before.
  const count = Math.max(1, Math.round(steps.length / STEPS_A_POINT));
  for (let i = 0; i < count; i++) {
    const from = i * STEPS_A_POINT;
    const group = steps.slice(from, i === count - 1 ? steps.length : from + STEPS_A_POINT);
    const mean = (key) => group.reduce((sum, step) => sum + step[key], 0) / group.length;
    points.push({ step: from + group.length / 2, loss: mean("loss"), accuracy: mean("accuracy") });
  }
  return points;
}
