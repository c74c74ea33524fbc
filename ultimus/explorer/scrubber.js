/** Time: a slider over the kept snapshots above a thin strip of the loss, and a button that plays. */

import { h, rounded, svg } from "./dom.js";
import { follow } from "./parts.js";
import { LIVE } from "./view.js";

const [WIDTH, HEIGHT] = [1000, 64];
const FRAME = 90; // milliseconds: eleven snapshots a second
const OWN = "With a picture of yours in the group the last step is shown: only its convolutions are here.";

/** The scrubber; returns the element. */
export function scrubber(view) {
  const slider = h("input", { type: "range", min: 0, "aria-label": "Training step" });
  const play = h("button", { type: "button", class: "play" }, "Play");
  const newest = h("button", { type: "button", class: "follow", title: "Show the newest weights, as training goes on", click: () => view.seek(LIVE) }, "Follow");
  const said = h("span", { class: "step" });
  const strip = new Strip();
  const loss = h("p", { class: "note" });
  const note = h("p", { class: "note", role: "status" });
  const player = new Player(view, play, (text) => (note.textContent = text));
  const draw = () => {
    const { step, epoch } = view.snapshot;
    const { snapshots, live } = view.scene;
    slider.max = snapshots.length - (live ? 0 : 1); // the newest weights are at its end
    slider.value = view.index === LIVE ? snapshots.length : view.index;
    slider.disabled = play.disabled = !view.canSeek;
    newest.hidden = !live;
    newest.setAttribute("aria-pressed", view.index === LIVE);
    slider.setAttribute("aria-valuetext", `step ${step}, epoch ${rounded(epoch, 1)}`);
    said.replaceChildren("step ", h("data", { value: step }, step.toLocaleString("en")), `, epoch ${rounded(epoch, 1)}`);
    strip.draw(view.scene, Number(slider.value));
    loss.replaceChildren(...about(view.scene.curves.loss, step));
    note.textContent = view.canSeek ? "" : OWN;
  };
  slider.addEventListener("input", () => player.seek(slider.value < view.scene.snapshots.length ? Number(slider.value) : LIVE));
  const box = h("div", { class: "scrubber" }, h("div", { class: "controls" }, play, slider, newest, said), strip.drawing, loss, note);
  for (const event of ["pointerenter", "focusin"]) box.addEventListener(event, () => fetchAll(view), { once: true });
  return follow(view, box, draw, ["index", "members"]);
}

/** What the strip shows at a step, and what a step is. */
function about(loss, step) {
  if (!loss.length) return [];
  const [, value] = loss.reduce((nearest, point) => (Math.abs(point[0] - step) < Math.abs(nearest[0] - step) ? point : nearest));
  return ["Loss, how wrong it is in training: ", h("data", { value }, rounded(value, 2)), ". A step is one update of all parameters, an epoch once through the training pictures."];
}

/** Have every step ready before it is asked for. */
function fetchAll(view) {
  if (view.canSeek) view.scene.snapshots.forEach((step) => !view.isReady(step) && view.fetch(step).catch(() => {}));
}

/** Goes from step to step, at a hand's pace or by itself. */
class Player {
  constructor(view, button, tell) {
    Object.assign(this, { view, button, tell, timer: null, isWaiting: false });
    button.addEventListener("click", () => (this.timer ? this.stop() : this.start()));
  }

  seek(index) {
    this.stop();
    this.go(index);
  }

  async go(index) {
    this.isWaiting = true;
    try {
      await this.view.seek(index);
    } catch (error) {
      this.stop();
      this.tell(error.message);
    }
    this.isWaiting = false;
  }

  start() {
    fetchAll(this.view);
    this.button.textContent = "Pause";
    this.timer = setInterval(() => this.next(), FRAME);
    if (this.view.isLast) this.go(0);
  }

  next() {
    if (this.isWaiting) return;
    if (!this.view.canSeek || this.view.isLast || !this.button.isConnected) this.stop();
    else this.go(this.view.index + 1);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.button.textContent = "Play";
  }
}

/** The loss, with time as the slider has it, as much room for each step; and a mark in it. */
class Strip {
  constructor() {
    this.line = svg("polyline");
    this.marker = svg("line", { y1: 0, y2: HEIGHT, class: "marker" });
    this.drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "loss", role: "img" }, this.line, this.marker);
  }

  draw({ curves: { loss }, snapshots, live }, marked) {
    const steps = [...snapshots, live].filter(Boolean).map(({ step }) => step);
    const values = loss.map(([, value]) => value);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const x = (index) => (8 + ((WIDTH - 16) * index) / Math.max(1, steps.length - 1)).toFixed(1);
    const y = (value) => (HEIGHT - 6 - ((HEIGHT - 12) * (value - low)) / (high - low || 1)).toFixed(1);
    this.line.setAttribute("points", loss.map(([step, value]) => `${x(fraction(steps, step))},${y(value)}`).join(" "));
    this.drawing.setAttribute("aria-label", loss.length ? `Training loss, from ${rounded(values[0], 2)} to ${rounded(values.at(-1), 2)}` : "No loss is known");
    ["x1", "x2"].forEach((end) => this.marker.setAttribute(end, x(marked)));
  }
}

/** Where a step lies among the snapshots, 0 to S - 1. */
function fraction(steps, step) {
  const next = steps.findIndex((each) => each >= step);
  if (next <= 0) return next < 0 ? steps.length - 1 : 0;
  return next - (steps[next] - step) / (steps[next] - steps[next - 1]);
}
