/** How the run was trained: its loss and its accuracy, as two small drawings. */

import { h, percent, rounded, svg } from "./dom.js";

const [WIDTH, HEIGHT] = [520, 190];
const ROOM = { left: 46, right: 14, top: 12, bottom: 26 };

/** The curves; returns the element. */
export function curves({ curves: told, snapshots }) {
  const last = snapshots.at(-1).step || 1;
  const epochs = snapshots.at(-1).epoch;
  const { loss, accuracy } = told;
  return h("div", { class: "curves" },
    loss.length > 1 && drawing("Loss on training pictures", loss, last, epochs, (value) => rounded(value, 1)),
    accuracy.length > 0 && drawing("Accuracy on test pictures", accuracy, last, epochs, (value) => percent(value).textContent)); // prettier-ignore
}

function drawing(title, points, last, epochs, say) {
  const values = points.map(([, value]) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (step) => ROOM.left + ((WIDTH - ROOM.left - ROOM.right) * step) / last;
  const y = (value) => ROOM.top + (HEIGHT - ROOM.top - ROOM.bottom) * (1 - (value - low) / (high - low || 1));
  const line = points.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const end = points.at(-1);
  return h("figure", {},
    h("figcaption", {}, title, " ", h("b", {}, say(end[1]))),
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}: ${say(values[0])} at first, ${say(end[1])} at the end` },
      ...[low, high].map((value) => svg("g", { class: "tick" }, svg("line", { x1: ROOM.left, x2: WIDTH - ROOM.right, y1: y(value), y2: y(value) }),
        svg("text", { x: ROOM.left - 8, y: y(value) + 4, "text-anchor": "end" }, say(value)))),
      svg("polyline", { points: line }),
      svg("circle", { cx: x(end[0]), cy: y(end[1]), r: 4 }),
      svg("text", { x: ROOM.left, y: HEIGHT - 6 }, "0"),
      svg("text", { x: WIDTH - ROOM.right, y: HEIGHT - 6, "text-anchor": "end" }, `epoch ${rounded(epochs, 1)}`))); // prettier-ignore
}
