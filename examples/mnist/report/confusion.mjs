// The confusion matrix as a table whose cells are tinted by their counts.
import { html } from "./html.mjs";

/** Rows are the digits, columns what they were taken for. */
export function confusionHeat(matrix) {
  const most = Math.max(1, ...matrix.flatMap((row, digit) => row.filter((_, column) => column !== digit)));
  return html`
<div class="scroll">
<table class="confusion">
  <thead>
    <tr><td></td><th colspan="${matrix.length}" scope="colgroup">taken for</th><td></td></tr>
    <tr><td></td>${matrix.map((_, digit) => html`<th scope="col">${digit}</th>`)}<th scope="col">right</th></tr>
  </thead>
  <tbody>
    ${matrix.map((row, digit) => line(row, digit, most))}
  </tbody>
</table>
</div>`;
}

function line(row, digit, most) {
  const total = row.reduce((sum, count) => sum + count, 0);
  const cells = row.map((count, column) =>
    cell(count, column === digit, column === digit ? count / total : count / most),
  );
  return html`
    <tr><th scope="row">${digit}</th>${cells}<td class="share">${((100 * row[digit]) / total).toFixed(1)} %</td></tr>`;
}

function cell(count, right, share) {
  if (count === 0) return html`<td class="none">0</td>`;
  // Tints end at 55 %, so that the page's text colour stays readable on them; the root lets single errors show.
  const tint = (right ? 0.35 * share : 0.06 + 0.49 * Math.sqrt(share)) * 100;
  const colour = `var(--${right ? "right" : "wrong"})`;
  return html`<td style="background: color-mix(in srgb, ${colour} ${tint.toFixed(0)}%, transparent)">${count}</td>`;
}
