// Two curves that grow while the net trains: the loss, and the share of right answers.
import { FixedScaleAxis, LineChart } from "chartist";
import { epochs } from "./net.js";

const ticks = [0, 40, 80, 120, 160];

function curve(element, high, marks, label) {
  const options = {
    axisX: { type: FixedScaleAxis, low: 0, high: epochs, ticks },
    axisY: { type: FixedScaleAxis, low: 0, high, ticks: marks, offset: 46, labelInterpolationFnc: label },
    chartPadding: { top: 10, right: 18, bottom: 0, left: 0 },
    showPoint: false,
    lineSmooth: false,
    fullWidth: true,
  };
  const chart = new LineChart(element, { series: [[], []] }, options);
  return (training, held) => chart.update({ series: [training, held] });
}

/** Draws an epoch's numbers; once a frame at most, however many epochs have come. */
export function makeCurves(lossElement, accuracyElement) {
  const drawLoss = curve(lossElement, 1.5, [0, 0.5, 1, 1.5], (loss) => loss.toFixed(1));
  const drawAccuracy = curve(accuracyElement, 1, [0, 0.25, 0.5, 0.75, 1], (share) => `${100 * share}%`);
  let series;
  let asked = false;
  const draw = () => {
    asked = false;
    drawLoss(series[0], series[1]);
    drawAccuracy(series[2], series[3]);
  };
  const ask = () => {
    if (!asked) requestAnimationFrame(draw);
    asked = true;
  };
  return {
    clear() {
      series = [[], [], [], []];
      ask();
    },
    add({ epoch, loss, accuracy, validation }) {
      const values = [Math.min(loss, 1.5), Math.min(validation.loss, 1.5), accuracy, validation.accuracy];
      for (const [i, y] of values.entries()) series[i].push({ x: epoch + 1, y });
      ask();
    },
  };
}
