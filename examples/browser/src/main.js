// The page: collects motion, has a net trained in a worker, and shows what it thinks.
import { makeCurves } from "./curves.js";
import { featuresOf, rate, windowsOf } from "./features.js";
import { watchFrames } from "./frames.js";
import { gestures, sampleRecordings } from "./gestures.js";
import { isReady, open, predict, save, statistics, summary, train } from "./net.js";
import { makeNormView } from "./norm-view.js";
import { makePad } from "./pad.js";

const recordingSeconds = 5;
const $ = (id) => document.getElementById(id);
const say = (text) => {
  $("status").textContent = text;
};

/** Feature rows of each gesture. */
const rows = gestures.map(() => []);
let recording;
let training;

const items = gestures.map((name, gesture) => {
  const item = document.createElement("li");
  const [label, count, button] = ["span", "small", "button"].map((tag) => document.createElement(tag));
  label.textContent = name;
  button.type = "button";
  button.textContent = "Record";
  button.setAttribute("aria-label", `Record ${name}`);
  button.addEventListener("click", () => record(gesture));
  item.append(label, count, button);
  $("gestures").append(item);
  return { count, button };
});

const bars = gestures.map((name) => {
  const item = document.createElement("li");
  const [label, bar, output] = ["span", "div", "output"].map((tag) => document.createElement(tag));
  label.textContent = name;
  bar.className = "bar";
  bar.append(document.createElement("i"));
  output.textContent = "–";
  item.append(label, bar, output);
  $("bars").append(item);
  return { item, bar: bar.firstChild, output };
});

function refresh() {
  for (const [i, { count, button }] of items.entries()) {
    count.textContent = `${rows[i].length} windows`;
    button.disabled = recording !== undefined || training !== undefined;
  }
  const enough = rows.filter((of) => of.length > 0).length >= 2;
  $("train").disabled = !enough || recording !== undefined || training !== undefined;
  $("stop").disabled = training === undefined;
  $("export").disabled = !isReady() || training !== undefined;
  for (const id of ["samples", "clear", "import"]) $(id).disabled = recording !== undefined || training !== undefined;
  return enough;
}

function record(gesture) {
  recording = { gesture, samples: [] };
  $("pad").classList.add("recording");
  $("pad").focus({ preventScroll: true });
  say(`Recording “${gestures[gesture]}”: move over the pad.`);
  refresh();
}

const pad = makePad($("pad"), (sample) => {
  if (recording === undefined) return;
  const { gesture, samples } = recording;
  samples.push(sample);
  items[gesture].button.textContent = `${(recordingSeconds - samples.length / rate).toFixed(1)} s`;
  if (samples.length < recordingSeconds * rate) return;
  recording = undefined;
  rows[gesture].push(...windowsOf(samples));
  items[gesture].button.textContent = "Record";
  $("pad").classList.remove("recording");
  say(refresh() ? "Record more, or train." : "Now record another gesture.");
});

$("samples").addEventListener("click", async () => {
  $("samples").disabled = true;
  for (const [gesture, samples] of sampleRecordings()) {
    rows[gesture].push(...windowsOf(samples));
    refresh();
    await new Promise(requestAnimationFrame);
  }
  say(`${rows.flat().length} windows of motion. Train a net on them.`);
});

$("clear").addEventListener("click", () => {
  for (const of of rows) of.length = 0;
  refresh();
  say("Collect some motion first.");
});

const curves = makeCurves($("loss-curve"), $("accuracy-curve"));
const norm = makeNormView($("features"));
curves.clear();

function showEpoch(result) {
  curves.add(result);
  $("progress").value = result.epoch + 1;
  $("epoch").textContent = String(result.epoch + 1);
  $("loss").textContent = result.validation.loss.toFixed(3);
  $("accuracy").textContent = `${(100 * result.validation.accuracy).toFixed(1)} %`;
}

async function showNet() {
  norm.learn(await statistics());
  $("summary").textContent = await summary();
}

$("train").addEventListener("click", async () => {
  training = new AbortController();
  refresh();
  curves.clear();
  say("Training in a worker. Move over the pad meanwhile.");
  const longest = watchFrames();
  const labels = rows.flatMap((of, gesture) => of.map(() => gesture));
  const began = performance.now();
  try {
    const history = await train(rows.flat(), labels, { onEpoch: showEpoch, signal: training.signal });
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const { accuracy } = history.at(-1).validation;
    say(
      `Trained in ${seconds} s: ${(100 * accuracy).toFixed(1)} % of the rows held back are right. Try it on the pad.`,
    );
  } catch (error) {
    say(training.signal.aborted ? "Stopped. The net is as the last step made it." : error.message);
  } finally {
    training = undefined;
    $("frame").textContent = `${longest().toFixed(0)} ms`;
    if (isReady()) await showNet();
    refresh();
  }
});

$("stop").addEventListener("click", () => training?.abort());

/** Asks again only when the last answer is there. */
async function guess() {
  const window = pad.recent();
  if (window !== undefined) {
    const features = featuresOf(window);
    norm.show(features);
    if (isReady()) {
      const sure = await predict(features);
      const best = sure.indexOf(Math.max(...sure));
      for (const [i, { item, bar, output }] of bars.entries()) {
        bar.style.setProperty("--value", sure[i]);
        output.textContent = `${(100 * sure[i]).toFixed(0)} %`;
        item.classList.toggle("best", i === best);
      }
    }
  }
}
(async function watch() {
  for (;;) {
    await guess().catch((error) => say(error.message));
    await new Promise((resolve) => setTimeout(resolve, 80));
  }
})();

$("export").addEventListener("click", async () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([await save()]));
  link.download = "gestures.safetensors";
  link.click();
  URL.revokeObjectURL(link.href);
});

$("import").addEventListener("change", async ({ target }) => {
  const [file] = target.files;
  if (file === undefined) return;
  try {
    await open(new Uint8Array(await file.arrayBuffer()));
    await showNet();
    say(`${file.name} is loaded. Try it on the pad.`);
  } catch (error) {
    say(`${file.name} cannot be used: ${error.message}`);
  }
  target.value = "";
  refresh();
});

$("theme").addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
});

refresh();
