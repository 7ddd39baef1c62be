// The table of features: what each is now, what batch norm has learnt of it, and what it makes of it.
import { featureNames } from "./features.js";

/** As PyTorch, Keras and the paper have it: keeps the division finite. */
const epsilon = 1e-5;

const cell = (row, className) => {
  const td = row.insertCell();
  td.className = className ?? "";
  return td;
};

function swing(td) {
  const bar = document.createElement("div");
  bar.className = "swing";
  bar.append(document.createElement("i"));
  td.append(bar);
  return bar.firstChild;
}

const plain = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(Math.abs(value) >= 10 ? 1 : 2));

/** A row a feature; `show` takes the features of now and, once there are any, the statistics. */
export function makeNormView(body) {
  const rows = featureNames.map((name) => {
    const row = body.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    row.append(head);
    const now = cell(row);
    const raw = swing(cell(row, "chart before"));
    const [mean, sigma] = [cell(row), cell(row)];
    const normal = swing(cell(row, "chart after"));
    for (const td of [mean, sigma]) td.textContent = "–";
    return { now, raw, mean, sigma, normal };
  });
  let known;
  let last = featureNames.map(() => 0);
  const view = {
    learn(statistics) {
      known = statistics;
      for (const [i, row] of rows.entries()) {
        row.mean.textContent = plain(known.mean[i]);
        row.sigma.textContent = plain(Math.sqrt(known.variance[i]));
      }
      view.show(last);
    },
    show(features) {
      last = features;
      // One scale for all raw values, as the net would see them.
      const largest = Math.max(...features.map(Math.abs), 1);
      for (const [i, row] of rows.entries()) {
        row.now.textContent = plain(features[i]);
        row.raw.style.setProperty("--value", features[i] / largest);
        if (known === undefined) continue;
        const value = (features[i] - known.mean[i]) / Math.sqrt(known.variance[i] + epsilon);
        row.normal.style.setProperty("--value", Math.max(-1, Math.min(1, value / 3)));
      }
    },
  };
  return view;
}
