// The comparison as a picture, an SVG that stands alone: for each case a row of dots, each a contestant's time as a multiple
// of evenkeel's. Contestants differ in colour and in shape, for who does not tell colours apart.
import { axisX, axisY, dot, gridX, gridY, plot, ruleX, text } from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { ratios } from "./report.mjs";

// Okabe and Ito's colours.
const LOOKS = {
  jax: ["#D55E00", "circle"],
  "tfjs-wasm": ["#0072B2", "triangle"],
  "tfjs-cpu": ["#56B4E9", "square"],
  onnx: ["#009E73", "diamond"],
  brain: ["#CC79A7", "star"],
  plain: ["#777777", "times"],
};
const WIDTH = 960;
const ROW = 24;
const TOP = 46;
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

const { document } = parseHTML("<!doctype html><html><body></body></html>");

export function toSvg(cases, everyone) {
  const contestants = everyone.filter(({ variant }) => !variant);
  const points = cases.flatMap((one) =>
    Object.entries(ratios(one, contestants).byId).map(([id, value]) => ({ id, name: one.name, value })),
  );
  const values = points.map(({ value }) => value);
  const domain = [Math.min(0.8, 0.9 * Math.min(...values)), Math.max(2, 1.1 * Math.max(...values))];
  const ticks = TICKS.filter((tick) => tick >= domain[0] && tick <= domain[1]);
  const height = cases.length * ROW + 60;
  const chart = plot({
    document,
    ...look(),
    height,
    marginLeft: 300,
    marginRight: 20,
    marginTop: 8,
    marginBottom: 52,
    x: { type: "log", domain, label: null },
    y: { type: "point", domain: cases.map(({ name }) => name), label: null, padding: 0.5 },
    marks: [
      gridY({ stroke: "#ccc", strokeOpacity: 0.6 }),
      gridX(ticks, { stroke: "#ccc", strokeOpacity: 0.6 }),
      ruleX([1], { stroke: "#222", strokeWidth: 2 }),
      axisY({ tickSize: 0, fontSize: 13, label: null }),
      axisX(ticks, {
        text: (tick) => `${tick}x`,
        label: "time as a multiple of evenkeel's (logarithmic); left of 1 the other is faster",
        labelAnchor: "center",
        labelArrow: "none",
      }),
      dot(points, { x: "value", y: "name", ...marks("id") }),
    ],
  });
  return page(height + TOP, legend(contestants.filter(({ id }) => points.some((point) => point.id === id))), chart);
}

function legend(contestants) {
  let x = 20;
  const places = contestants.map(({ id, label }) => {
    const place = { id, label, x, y: 0 };
    x += 48 + 7.5 * label.length;
    return place;
  });
  return plot({
    document,
    ...look(),
    height: TOP,
    margin: 0,
    x: { domain: [0, WIDTH], range: [0, WIDTH], axis: null },
    y: { domain: [-1, 1], axis: null },
    marks: [
      dot(places, { x: "x", y: "y", ...marks("id") }),
      text(places, { x: "x", y: "y", text: "label", dx: 12, textAnchor: "start", fontSize: 13 }),
    ],
  });
}

function marks(key) {
  const shape = (datum) => LOOKS[datum[key]][1];
  const colour = (datum) => LOOKS[datum[key]][0];
  return { symbol: shape, stroke: colour, strokeWidth: 2, fill: "none", r: 5.5 };
}

function look() {
  return { width: WIDTH, style: { fontSize: "13px", fontFamily: "system-ui, sans-serif", color: "#222" } };
}

function page(height, above, below) {
  const size = `width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`;
  below.setAttribute("y", String(TOP));
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>
<rect width="100%" height="100%" fill="#fff"/>
${above.outerHTML}
${below.outerHTML}
</svg>
`;
}
