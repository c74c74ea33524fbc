/** How a run was trained: its loss, its accuracy and its learning rate, as small drawings. */

import { h, percent, rounded, short } from "./dom.js";
import { Plane } from "./plane.js";

export const share = (value) => percent(value).textContent;

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
    one("Learning rate", "rate", short, { isFromZero: true })); // prettier-ignore
}

function drawing(title, { epochs, say, points, logged, ofLog = "", isFromZero }) {
  const seen = logged.filter(([epoch]) => epoch <= epochs);
  const values = [...points, ...seen].map(([, value]) => value);
  const plane = new Plane([0, epochs], [isFromZero ? 0 : Math.min(...values), Math.max(...values)]);
  const end = points.at(-1);
  const most = Math.max(...points.map(([, value]) => value));
  return h("figure", {},
    h("figcaption", {}, title, " ", isFromZero ? "up to " : "", h("b", {}, say(isFromZero ? most : end[1])), seen.length ? h("span", { class: "log" }, `notebook log${ofLog}`) : null),
    plane.drawn(`${title}: ${say(points[0][1])} at first, ${say(end[1])} at the end`, say, [[0, "0"], [epochs, `epoch ${rounded(epochs, 1)}`]],
      ...(seen.length ? [plane.line(seen, { class: "log" })] : []),
      plane.line(points, { class: "run" }),
      plane.dot(end, { r: 4 }))); // prettier-ignore
}
