/** The whole network as a drawing, from one picture to its answer, with the numbers of this moment. */

import { best } from "./company.js";
import { extent } from "./colors.js";
import { h, percent } from "./dom.js";
import { FEATURES, HEAD, SIDE, maps, row } from "./network.js";
import { follow } from "./parts.js";
import { address } from "./pictures.js";

const computed = new WeakMap(); // the maps of pictures that were looked at
const painted = new WeakMap(); // and how they look: painting takes longer than computing

/** The drawing for the picture that is lit; `go` leads from a part to where it is looked into. */
export function drawing(view, colors, go) {
  const flow = h("div", { class: "flow" });
  const draw = () => flow.replaceChildren(...joined(parts(view, colors(), go)));
  return follow(view, flow, draw, ["index", "members", "pass", "cell"], { rests: true });
}

function joined(parts) {
  return parts.flatMap((part, n) => (n ? [h("span", { class: "arrow" }, "→"), part] : [part]));
}

function parts(view, colors, go) {
  const [i] = view.cell;
  const x = row(view.trace.features, i, FEATURES);
  const { first, second } = view.snapshot.whole ? mapsOf(view, i) : {};
  const answer = view.answers(i).at(-1);
  const lead = (target) => (event) => {
    event.preventDefault();
    go(target);
  };
  return [
    part("a picture", "3 × 32 × 32", h("img", { src: address(view.pixels(i)), alt: view.name(i) }), lead("yours")),
    part("convolution", "16 maps", first ? sheet(first, 4, colors) : absent()),
    part("convolution", "32 maps", second ? sheet(second, 8, colors) : absent()),
    part("convolution, averaged", "48 features", cells(x, 6, colors, extent(view.trace.features)), lead("vectors")),
    part("attention, four times", "looks, takes, adds", block(view, colors, i), lead("look")),
    part("classifier", `${answer.length} classes`, says(view, colors, answer), lead("training")),
  ]; // prettier-ignore
}

function part(name, size, content, lead) {
  const inside = [content, h("strong", {}, name), h("small", {}, size)];
  if (!lead) return h("div", { class: "part" }, ...inside);
  return h("a", { class: "part", href: "#", "aria-label": `${name}: ${size}`, click: lead }, ...inside);
}

function mapsOf(view, place) {
  const pixels = view.pixels(place);
  if (!computed.has(pixels)) computed.set(pixels, maps(view.snapshot.whole, pixels));
  return computed.get(pixels);
}

function absent() {
  return h("p", { class: "absent" }, "only the last step's convolutions are here");
}

function sheet(numbers, columns, colors) {
  const known = painted.get(numbers);
  if (known?.colors === colors) return known.canvas;
  const canvas = paint(numbers, columns, colors);
  painted.set(numbers, { colors, canvas });
  return canvas;
}

/** Maps (M, S, S) beside and below each other, from nothing to the largest value of all. */
function paint(numbers, columns, colors) {
  const count = numbers.length / SIDE ** 2;
  const top = extent(numbers) || 1;
  const step = SIDE + 2;
  const canvas = h("canvas", { width: columns * step - 2, height: Math.ceil(count / columns) * step - 2, role: "img", "aria-label": `${count} maps` });
  const context = canvas.getContext("2d");
  numbers.forEach((value, n) => {
    if (!value) return; // most are nothing, after ReLU
    const [map, y, x] = [Math.floor(n / SIDE ** 2), Math.floor(n / SIDE) % SIDE, n % SIDE];
    context.fillStyle = colors.weight(value / top);
    context.fillRect((map % columns) * step + x, Math.floor(map / columns) * step + y, 1, 1);
  });
  return canvas;
}

function cells(numbers, columns, colors, top) {
  return h("div", { class: "cells", style: `--columns:${columns}` },
    ...[...numbers].map((value) => h("data", { value, title: value, style: `background:${colors.signed(value, top)}` }))); // prettier-ignore
}

/** Query, key and value of the picture, and its row of attention, a line for each pass. */
function block(view, colors, i) {
  const { q, k, v } = view.now;
  const top = extent(q, k, v);
  const vectors = [["q", q], ["k", k], ["v", v]].map(([name, all]) => // prettier-ignore
    h("div", { class: "vector" }, h("b", { class: name }, name.toUpperCase()), cells(row(all, i, HEAD), HEAD, colors, top)));
  const passes = view.trace.passes.map((pass, n) =>
    h("div", { class: n + 1 === view.pass ? "attended now" : "attended", style: `--columns:${view.size}` },
      ...[...row(pass.weights, i, view.size)].map((weight) => h("data", { value: weight, title: weight, style: `background:${colors.weight(weight)}` })))); // prettier-ignore
  return h("div", { class: "block" }, ...vectors, ...passes);
}

function says(view, colors, answer) {
  const order = [...answer.keys()].sort((a, b) => answer[b] - answer[a]).slice(0, 3);
  const line = (c) =>
    h("div", { class: c === best(answer) ? "first" : null }, h("span", {}, view.scene.classes[c]),
      h("i", { style: `width:${100 * answer[c]}%;background:${colors.classes[c]}` }), percent(answer[c])); // prettier-ignore
  return h("div", { class: "says" }, ...order.map(line));
}
