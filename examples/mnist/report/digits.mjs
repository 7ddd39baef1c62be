// The sheet of the test images that the model got most wrong.
import { CLASSES, PIXELS, SIDE } from "../data.mjs";
import { digitUri } from "../png.mjs";
import { html } from "./html.mjs";

const SHOWN = 40;

/** Wrong predictions, the one that leaves least probability to the truth first: those with the largest loss. */
export function worstDigits({ bytes, y }, probabilities) {
  const wrong = [];
  for (const [row, label] of y.entries()) {
    const own = probabilities.subarray(row * CLASSES, (row + 1) * CLASSES);
    const taken = own.indexOf(Math.max(...own));
    if (taken !== label) wrong.push({ row, label, taken, probability: own[taken], truth: own[label] });
  }
  wrong.sort((a, b) => a.truth - b.truth);
  const shown = wrong.slice(0, SHOWN);
  return {
    count: wrong.length,
    shown: shown.length,
    sheet: html`<ul class="digits">${shown.map((digit) => tile(digit, bytes))}</ul>`,
  };
}

function tile({ row, label, taken, probability, truth }, bytes) {
  const uri = digitUri(bytes.subarray(row * PIXELS, (row + 1) * PIXELS), SIDE);
  return html`
  <li>
    <img src="${uri}" width="84" height="84" alt="test image ${row}, a ${label}">
    <b>${label} → <span class="wrong">${taken}</span></b>
    <span>${share(probability)} sure</span>
    <span>${label}: ${share(truth)}</span>
  </li>`;
}

function share(probability) {
  const percent = 100 * probability;
  if (percent < 0.01) return "< 0.01 %";
  if (percent > 99.99) return "> 99.99 %";
  return `${percent.toFixed(percent < 1 ? 2 : 1)} %`;
}
