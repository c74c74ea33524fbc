/** A range test: the loss while the learning rate rises, and what is read from it. */

import { h, rounded, short, svg } from "./dom.js";
import { Plane } from "./plane.js";

const ROOM = 0.15; // of the fall, above the first loss: what blows up goes on beyond the figure

/** The figure of a range test, as ultimus/lessons/page.py tells it; returns the element. */
export function range({ of, rates, seeds, mean, steepest, alone, diverging }) {
  const exponents = rates.map(Math.log10);
  const plane = new Plane([exponents[0], exponents.at(-1)], levels(mean), 720, 330);
  const points = (losses) => losses.map((loss, n) => [exponents[n], loss]).filter(([, loss]) => loss !== null);
  const dots = alone.map((rate, seed) => rate !== null && [Math.log10(rate), seeds[seed][rates.indexOf(rate)]]);
  const marks = [["steepest", "steepest at", steepest], ["diverging", "diverging from", diverging]].filter(([, , rate]) => rate);
  const whole = Array.from({ length: Math.floor(exponents.at(-1)) - Math.ceil(exponents[0]) + 1 }, (_, n) => Math.ceil(exponents[0]) + n);
  const told = marks.map(([, what, rate]) => `${what} ${short(rate)}`).join(", ");
  return h("figure", { class: "range" },
    h("figcaption", {}, h("b", {}, "Loss while the rate rises"), ` (${of}): each seed, smoothed `, h("i", { class: "seed" }), ", their mean ", h("i", { class: "mean" }), ", where each falls most steeply ", h("i", { class: "alone" })),
    plane.drawn(`Loss while the rate rises: ${told}`, (value) => rounded(value, 2), whole.map((n) => [n, String(Number(`1e${n}`))]),
      plane.within(
        ...seeds.map((losses) => plane.line(points(losses), { class: "seed" })),
        plane.line(points(mean), { class: "mean" }),
        ...dots.filter(Boolean).map((dot) => plane.dot(dot, { class: "alone", r: 4 }))),
      ...marks.map(([kind, , rate]) => plane.upright(Math.log10(rate), { class: kind })),
      ...marks.map(([kind, what, rate], place) => svg("text", { class: kind, "text-anchor": "end", x: plane.x(Math.log10(rate)) - 6, y: place ? 24 : plane.height - 36 }, `${what} ${short(rate)}`)))); // prettier-ignore
}

/** From below the lowest mean to above the first one. */
function levels(mean) {
  const known = mean.filter((loss) => loss !== null);
  const low = Math.min(...known);
  const high = Math.max(...known.slice(0, known.indexOf(low) + 1));
  const room = ROOM * (high - low) || ROOM;
  return [low - room, high + 2 * room];
}
