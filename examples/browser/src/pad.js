// The pad: where the pointer, a finger or the arrow keys move, fifty samples of speed a second, and the trail of it.
import { rate, windowLength } from "./features.js";

const step = 28;

/** Watches the pad. `onSample` is called with each `[vx, vy]`; the last second is `recent()`. */
export function makePad(canvas, onSample) {
  const context = canvas.getContext("2d");
  const target = { x: 0, y: 0 };
  let last = { x: 0, y: 0, time: performance.now() };
  let window = [];
  let trail = [];

  const fit = () => {
    const { width, height } = canvas.getBoundingClientRect();
    canvas.width = Math.round(width * devicePixelRatio);
    canvas.height = Math.round(height * devicePixelRatio);
    context.scale(devicePixelRatio, devicePixelRatio);
    Object.assign(target, { x: width / 2, y: height / 2 });
    last = { ...target, time: performance.now() };
    trail = [];
  };
  new ResizeObserver(fit).observe(canvas);

  canvas.addEventListener("pointermove", ({ offsetX, offsetY }) => Object.assign(target, { x: offsetX, y: offsetY }));
  canvas.addEventListener("pointerdown", ({ offsetX, offsetY, pointerId }) => {
    canvas.setPointerCapture(pointerId);
    Object.assign(target, { x: offsetX, y: offsetY });
  });
  canvas.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (move === undefined) return;
    event.preventDefault();
    target.x = Math.max(0, Math.min(canvas.clientWidth, target.x + move[0] * step));
    target.y = Math.max(0, Math.min(canvas.clientHeight, target.y + move[1] * step));
  });

  setInterval(() => {
    const time = performance.now();
    const seconds = (time - last.time) / 1000;
    if (seconds <= 0) return;
    const sample = [(target.x - last.x) / seconds, (target.y - last.y) / seconds];
    last = { ...target, time };
    window = [...window.slice(1 - windowLength), sample];
    trail = [...trail.slice(1 - windowLength), { x: target.x, y: target.y }];
    onSample(sample);
  }, 1000 / rate);

  const animate = () => {
    draw();
    requestAnimationFrame(animate);
  };
  animate();

  function draw() {
    const { clientWidth: width, clientHeight: height } = canvas;
    const style = getComputedStyle(canvas);
    context.clearRect(0, 0, width, height);
    context.lineCap = "round";
    context.strokeStyle = style.color;
    for (let i = 1; i < trail.length; i++) {
      context.globalAlpha = (i / trail.length) ** 2;
      context.lineWidth = 1 + (5 * i) / trail.length;
      context.beginPath();
      context.moveTo(trail[i - 1].x, trail[i - 1].y);
      context.lineTo(trail[i].x, trail[i].y);
      context.stroke();
    }
    context.globalAlpha = 1;
    context.fillStyle = style.color;
    context.beginPath();
    context.arc(target.x, target.y, 6, 0, 2 * Math.PI);
    context.fill();
  }

  return { recent: () => (window.length === windowLength ? window : undefined) };
}
