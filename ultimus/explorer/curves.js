/** How a run was trained: its loss, its accuracy and its learning rate, as small drawings. */

import { h, percent, rounded, svg } from "./dom.js";

const [WIDTH, HEIGHT] = [520, 190];
const ROOM = { left: 54, right: 14, top: 12, bottom: 26 };
const share = (value) => percent(value).textContent;

/**
 * The curves, as scene.py makes them; returns the element.
 *
 * @param log of the published notebook, drawn beside them in grey: points (epoch, value) by the curve's name.
 */
export function curves(told, log = null) {
  const { steps, epochs } = told;
  const inEpochs = ([step, value]) => [(step * epochs) / steps, value];
  const one = (title, name, say, more = {}) =>
    told[name].length > 1 && drawing(title, { epochs, say, points: told[name].map(inEpochs), logged: log?.[name] ?? [], ...more });
  return h("div", { class: "curves" },
    one("Loss on training pictures", "loss", (value) => rounded(value, 1)),
    one("Accuracy on test pictures", "accuracy", share, { ofLog: ", on training pictures" }),
    one("Learning rate", "rate", (value) => String(Number(value.toPrecision(2))), { isFromZero: true })); // prettier-ignore
}

function drawing(title, { epochs, say, points, logged, ofLog = "", isFromZero }) {
  const seen = logged.filter(([epoch]) => epoch <= epochs);
  const values = [...points, ...seen].map(([, value]) => value);
  const [low, high] = [isFromZero ? 0 : Math.min(...values), Math.max(...values)];
  const x = (epoch) => ROOM.left + ((WIDTH - ROOM.left - ROOM.right) * epoch) / (epochs || 1);
  const y = (value) => ROOM.top + (HEIGHT - ROOM.top - ROOM.bottom) * (1 - (value - low) / (high - low || 1));
  const line = (of, kind) => svg("polyline", { class: kind, points: of.map(([epoch, value]) => `${x(epoch).toFixed(1)},${y(value).toFixed(1)}`).join(" ") });
  const end = points.at(-1);
  const most = Math.max(...points.map(([, value]) => value));
  return h("figure", {},
    h("figcaption", {}, title, " ", isFromZero ? "up to " : "", h("b", {}, say(isFromZero ? most : end[1])), seen.length ? h("span", { class: "log" }, `notebook log${ofLog}`) : null),
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}: ${say(points[0][1])} at first, ${say(end[1])} at the end` },
      ...[low, high].map((value) => svg("g", { class: "tick" }, svg("line", { x1: ROOM.left, x2: WIDTH - ROOM.right, y1: y(value), y2: y(value) }),
        svg("text", { x: ROOM.left - 8, y: y(value) + 4, "text-anchor": "end" }, say(value)))),
      ...(seen.length ? [line(seen, "log")] : []),
      line(points, "run"),
      svg("circle", { cx: x(end[0]), cy: y(end[1]), r: 4 }),
      svg("text", { x: ROOM.left, y: HEIGHT - 6 }, "0"),
      svg("text", { x: WIDTH - ROOM.right, y: HEIGHT - 6, "text-anchor": "end" }, `epoch ${rounded(epochs, 1)}`))); // prettier-ignore
}
