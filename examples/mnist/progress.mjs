// Shows how a training goes: on a terminal a bar for each epoch, elsewhere (a pipe, a log) one line an epoch.
// The bar is drawn by a timer of its own, which can only tick because `fit` gives the event loop its turn.
import { Presets, SingleBar } from "cli-progress";

const REDRAWS_A_SECOND = 15;

/** Reports on a training of `epochs` epochs; `step` and `epoch` take what `fit` gives. */
export function makeProgress({ epochs, stream = process.stdout }) {
  const clock = makeClock(epochs);
  return stream.isTTY ? barProgress(epochs, clock, stream) : lineProgress(epochs, clock, stream);
}

function barProgress(epochs, clock, stream) {
  let bar;
  const values = ({ epoch, runningAccuracy }) => ({
    epoch: epoch + 1,
    loss: clock.epochLoss.toFixed(3),
    accuracy: percent(runningAccuracy),
    speed: whole(clock.rowsPerSecond),
    end: clock.secondsLeft > 0 ? `${duration(clock.secondsLeft)} left` : "",
  });
  return {
    step(info) {
      clock.step(info);
      if (bar === undefined) {
        const around = 68; // columns that the rest of the line takes
        bar = new SingleBar(
          {
            format: `  epoch {epoch}/${epochs} {bar} loss {loss}  accuracy {accuracy}  {speed}/s  {end}`,
            barsize: Math.max(8, Math.min(32, (stream.columns ?? 80) - around)),
            fps: REDRAWS_A_SECOND,
            hideCursor: true,
            stream,
          },
          Presets.shades_classic,
        );
        bar.start(info.steps, 0, values(info));
      }
      bar.update(info.step + 1, values(info));
    },
    epoch(result) {
      clock.rest();
      bar.update({
        loss: result.loss.toFixed(3),
        accuracy: percent(result.accuracy),
        speed: whole(result.rowsPerSecond),
        end: `test ${percent(result.validation.accuracy)}`,
      });
      bar.stop();
      bar = undefined;
    },
  };
}

function lineProgress(epochs, clock, stream) {
  return {
    step: (info) => clock.step(info),
    epoch(result) {
      clock.rest();
      const left = epochs - result.epoch - 1 > 0 ? `, ${duration(clock.secondsLeft)} left` : "";
      stream.write(
        `  epoch ${result.epoch + 1}/${epochs}: loss ${result.loss.toFixed(3)}, accuracy ${percent(result.accuracy)}, ` +
          `test accuracy ${percent(result.validation.accuracy)}, ${whole(result.rowsPerSecond)} images/s${left}\n`,
      );
    },
  };
}

/** Speed and time left over all epochs, from the time spent in steps; the evaluation between epochs does not count. */
function makeClock(epochs) {
  let last; // when the step before ended
  let [spent, rows, steps, stepsLeft] = [0, 0, 0, 0];
  let lossOfEpoch = 0;
  let epochLoss = 0;
  return {
    step(info) {
      const now = performance.now();
      // The first step also sets everything up, and says nothing of the others.
      if (last !== undefined) {
        spent += (now - last) / 1000;
        rows += info.rows;
        steps++;
      }
      last = now;
      stepsLeft = (epochs - info.epoch) * info.steps - info.step - 1;
      // The mean over the epoch so far: the loss of single batches is too restless to read.
      lossOfEpoch = (info.step === 0 ? 0 : lossOfEpoch) + info.loss * info.rows;
      epochLoss = lossOfEpoch / info.rowsSeen;
    },
    rest() {
      last = performance.now();
    },
    get epochLoss() {
      return epochLoss;
    },
    get rowsPerSecond() {
      return steps === 0 ? 0 : rows / spent;
    },
    get secondsLeft() {
      return steps === 0 ? 0 : (spent / steps) * stepsLeft;
    },
  };
}

/** 0.9812 as "98.12 %". */
export const percent = (share) => `${(100 * share).toFixed(2)} %`;

/** 41234.5 as "41,235". */
export const whole = (number) => Math.round(number).toLocaleString("en");

function duration(seconds) {
  const s = Math.ceil(seconds);
  return s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${s % 60} s`;
}
