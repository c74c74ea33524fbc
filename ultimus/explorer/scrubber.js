/** Time: a slider over the kept snapshots above a thin strip of the loss, and a button that plays. */

import { h, rounded, svg } from "./dom.js";
import { follow } from "./parts.js";

const [WIDTH, HEIGHT] = [1000, 64];
const FRAME = 90; // milliseconds: eleven snapshots a second

/** The scrubber; returns the element. */
export function scrubber(view) {
  const { snapshots } = view.scene;
  const slider = h("input", { type: "range", min: 0, max: snapshots.length - 1, "aria-label": "Training step" });
  const play = h("button", { type: "button", class: "play" }, "Play");
  const said = h("span", { class: "step" });
  const marker = svg("line", { y1: 0, y2: HEIGHT, class: "marker" });
  const strip = curve(view.scene.curves, snapshots, marker);
  const note = h("p", { class: "note" });
  const player = { timer: null };
  const stop = () => {
    clearInterval(player.timer);
    player.timer = null;
    play.textContent = "Play";
  };
  const draw = () => {
    const { step, epoch } = view.snapshot;
    slider.value = view.index;
    slider.disabled = play.disabled = view.hasOwn;
    slider.setAttribute("aria-valuetext", `step ${step}, epoch ${rounded(epoch, 1)}`);
    said.replaceChildren("step ", h("data", { value: step }, step.toLocaleString("en")), `, epoch ${rounded(epoch, 1)}`);
    const x = strip.at(view.index);
    marker.setAttribute("x1", x);
    marker.setAttribute("x2", x);
    note.textContent = view.hasOwn ? "With a picture of yours in the group the last step is shown: only its convolutions are here." : "";
  };
  slider.addEventListener("input", () => {
    stop();
    view.set({ index: Number(slider.value) });
  });
  play.addEventListener("click", () => {
    if (player.timer) return stop();
    if (view.isLast) view.set({ index: 0 });
    play.textContent = "Pause";
    player.timer = setInterval(() => {
      if (view.hasOwn || view.isLast) stop();
      else view.set({ index: view.index + 1 });
    }, FRAME);
  });
  const made = h("div", { class: "scrubber" }, h("div", { class: "controls" }, play, slider, said), strip.drawing, note);
  return follow(view, made, draw, ["index", "members"]);
}

/** The loss, with time as the slider has it: as much room for each snapshot. */
function curve({ loss }, snapshots, marker) {
  const at = (index) => 8 + ((WIDTH - 16) * index) / Math.max(1, snapshots.length - 1);
  const steps = snapshots.map((snapshot) => snapshot.step);
  const values = loss.map(([, value]) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const points = loss.map(([step, value]) => [at(fraction(steps, step)), HEIGHT - 6 - ((HEIGHT - 12) * (value - low)) / (high - low || 1)]);
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "loss", role: "img",
    "aria-label": loss.length ? `Training loss, from ${rounded(values[0], 2)} to ${rounded(values.at(-1), 2)}` : "No loss is known" },
    svg("polyline", { points: points.map((point) => point.join()).join(" ") }), marker); // prettier-ignore
  return { drawing, at };
}

/** Where a step lies among the snapshots, 0 to S - 1. */
function fraction(steps, step) {
  const next = steps.findIndex((each) => each >= step);
  if (next <= 0) return next < 0 ? steps.length - 1 : 0;
  return next - (steps[next] - step) / (steps[next] - steps[next - 1]);
}
