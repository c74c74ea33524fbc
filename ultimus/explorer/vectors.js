/** Queries, keys and values of a group, and the features they come from: a row for each picture. */

import { extent } from "./colors.js";
import { h, rounded } from "./dom.js";
import { FEATURES, HEAD } from "./network.js";
import { follow } from "./parts.js";
import { address } from "./pictures.js";

const ROLES = [["q", "Queries", "what each asks"], ["k", "Keys", "what each answers to"], ["v", "Values", "what each hands on"]]; // prettier-ignore

/** The vectors; returns the element. */
export function vectors(view, colors) {
  const box = h("div", { class: "vectors" });
  const draw = () => {
    const before = view.pass === 1 ? view.trace.features : view.trace.passes[view.pass - 2].state;
    const top = extent(view.now.q, view.now.k, view.now.v);
    const three = ROLES.map(([role, name, about]) => table(view, colors(), view.now[role], HEAD, top, role, name, about));
    box.replaceChildren(
      ...three,
      table(view, colors(), before, FEATURES, extent(before), "x", "Features", `that enter pass ${view.pass}`),
      legend(colors(), top),
    );
  };
  return follow(view, box, draw, ["index", "members", "pass", "cell"]);
}

function table(view, colors, numbers, columns, top, role, name, about) {
  const canvas = h("canvas", { width: columns, height: view.size, role: "img", "aria-label": `${name}, ${view.size} rows of ${columns} numbers` });
  const context = canvas.getContext("2d");
  numbers.forEach((value, n) => {
    context.fillStyle = colors.signed(value, top);
    context.fillRect(n % columns, Math.floor(n / columns), 1, 1);
  });
  const said = h("figcaption", {}, h("b", { class: role }, name), ` ${about}`);
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    return [Math.floor(y * view.size), Math.floor(x * columns)];
  };
  canvas.addEventListener("pointermove", (event) => {
    const [i, d] = at(event);
    canvas.title = `${view.name(i)}, ${name.toLowerCase()} ${d}: ${numbers[i * columns + d]}`;
  });
  canvas.addEventListener("click", (event) => view.set({ cell: role === "k" ? [view.cell[0], at(event)[0]] : [at(event)[0], view.cell[1]] }));
  const [i, j] = view.cell;
  const marks = [["q", i], ["k", j]].map(([kind, place]) => // prettier-ignore
    h("div", { class: `mark ${kind}`, style: `top:${(100 * place) / view.size}%;height:${100 / view.size}%` }));
  const faces = view.places.map((n) => h("img", { src: address(view.pixels(n)), alt: "" }));
  return h("figure", { class: `table ${role}` }, said, h("div", { class: "rows", style: `--rows:${view.size}` }, h("div", { class: "faces" }, ...faces), h("div", { class: "cells" }, canvas, ...marks)));
}

function legend(colors, top) {
  const stops = Array.from({ length: 33 }, (_, n) => colors.signed(n / 16 - 1, 1));
  return h("div", { class: "legend signed" },
    h("div", { class: "ramp", style: `background:linear-gradient(to right,${stops})` }),
    h("div", { class: "ticks" }, h("span", { style: "left:0" }, rounded(-top, 1)), h("span", { style: "left:50%" }, "0"), h("span", { style: "left:100%" }, rounded(top, 1))),
    h("p", {}, "One scale for queries, keys and values; the features have their own.")); // prettier-ignore
}
