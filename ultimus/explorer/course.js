/** Curves in a card of a lesson, epoch by epoch, with the guess as a line through them. */

import { share } from "./curves.js";
import { h, short } from "./dom.js";
import { Plane } from "./plane.js";

const [WIDTH, HEIGHT] = [330, 200];

/**
 * The drawing; returns the element.
 *
 * @param told title, isShare and lines, each with its name, points (epoch, value) and isLog.
 * @param guess a number, in percent where values are shares; null for none.
 */
export function course({ title, isShare, lines }, guess) {
  const say = isShare ? share : short;
  const level = guess === null ? [] : [isShare ? guess / 100 : guess];
  const values = [...lines.flatMap(({ points }) => points.map(([, value]) => value)), ...level];
  const epochs = lines.flatMap(({ points }) => points.map(([epoch]) => epoch));
  const [first, last] = [Math.min(...epochs), Math.max(...epochs)];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const plane = new Plane([first, last], [least < most / 3 ? 0 : least, most], WIDTH, HEIGHT);
  const middle = Math.round((first + last) / 2);
  const kind = ({ isLog }, place) => (isLog ? "log" : `line-${place + 1}`);
  return h("figure", { class: "course" },
    h("figcaption", {}, title),
    plane.drawn(`${title}. ${lines.map((line) => inWords(line, say)).join("; ")}`, say,
      [[first, `epoch ${first}`], [middle, String(middle)], [last, String(last)]],
      ...lines.map((line, place) => plane.line(line.points, { class: kind(line, place) })),
      ...lines.map((line, place) => plane.dot(line.points.at(-1), { class: kind(line, place), r: 3.5 })),
      ...level.map((value) => plane.level(value, { class: "mine" }))),
    h("ul", {},
      ...lines.map((line, place) => h("li", { class: kind(line, place) }, h("i"), line.name, " ", h("b", {}, say(line.points.at(-1)[1])), ` at epoch ${line.points.at(-1)[0]}`)),
      level.length ? h("li", { class: "mine" }, h("i"), "your guess") : null)); // prettier-ignore
}

function inWords({ name, points }, say) {
  const values = points.map(([, value]) => value);
  const [most, least] = [Math.max(...values), Math.min(...values)].map((value) => `${say(value)} after epoch ${points[values.indexOf(value)][0]}`);
  return `${name}: ${say(values[0])} at first, highest ${most}, lowest ${least}, ${say(values.at(-1))} at the end`;
}
