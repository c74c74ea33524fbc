/** Who looks at whom: the matrix of a pass, with pictures on its axes. */

import { extent } from "./colors.js";
import { h, redrawn, rounded } from "./dom.js";
import { follow } from "./parts.js";
import { address } from "./pictures.js";

const KEYS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const FEW = 32; // pictures, of which the shares can be written under the columns
const NAMES = { weights: "weight", scores: "score", products: "product" };

/** The matrix; clicks and arrow keys choose a cell. */
export function matrix(view, colors) {
  const canvas = h("canvas", {});
  const grid = h("div", { class: "grid", tabindex: 0, role: "application" }, canvas);
  const [rows, columns, received] = ["rows", "columns", "received"].map((name) => h("div", { class: name }));
  const readout = h("p", { class: "readout", "aria-live": "polite" });
  const legend = h("div", { class: "legend" });
  const mark = [h("div", { class: "mark row" }), h("div", { class: "mark column" }), h("div", { class: "mark cell" })];
  grid.append(...mark);
  const under = (event) => {
    const { left, top, width } = canvas.getBoundingClientRect();
    const cell = [event.clientY - top, event.clientX - left].map((at) => Math.floor((at / width) * view.size));
    return cell.every((at) => at >= 0 && at < view.size) ? cell : null;
  };
  let pointed = null; // the cell under the pointer, which stays the one that is told of
  const tell = (cell) => readout.replaceChildren(...told(view, cell));
  const draw = (changed) => {
    const has = (...names) => names.some((name) => changed.has(name));
    if (has("members", "colors")) {
      rows.replaceChildren(...faces(view, colors()));
      columns.replaceChildren(...faces(view, colors()));
    }
    if (has("index", "members", "pass", "show", "isFitted", "colors")) {
      paint(canvas, view, colors());
      redrawn(legend, () => legend.replaceChildren(...scale(view, colors())));
    }
    if (has("index", "members", "pass")) received.replaceChildren(...totals(view));
    [rows, columns].forEach((axis, n) => choose(axis, view.cell[n]));
    place(mark, view);
    tell(within(pointed, view) ?? view.cell);
    grid.setAttribute("aria-label", `Attention of pass ${view.pass}; arrow keys choose a cell`);
  };
  grid.addEventListener("pointerdown", (event) => under(event) && view.set({ cell: under(event) }));
  const point = (cell) => {
    pointed = cell;
    tell(pointed ?? view.cell);
  };
  grid.addEventListener("pointermove", (event) => point(under(event)));
  grid.addEventListener("pointerleave", () => point(null));
  grid.addEventListener("keydown", (event) => move(event, view));
  rows.addEventListener("click", ({ target }) => pick(target, (i) => view.set({ cell: [i, view.cell[1]] })));
  columns.addEventListener("click", ({ target }) => pick(target, (j) => view.set({ cell: [view.cell[0], j] })));
  const corner = h("div", { class: "corner" }, h("span", {}, "looks"), h("span", {}, "at →"));
  const shares = h("div", { class: "corner sums" }, h("span", { title: `The mean of each column: the share of all attention that a ${view.token} gets` }, "gets"));
  const box = h("div", { class: "matrix" }, h("div", { class: "axes" }, corner, columns, rows, grid, shares, received), readout, legend);
  return follow(view, box, draw, ["index", "members", "pass", "show", "isFitted", "cell"]);
}

/** The numbers that are shown, and the largest absolute value that colours reach to. */
function shown(view) {
  const numbers = view.now[view.show];
  const all = view.trace.passes.map((pass) => pass[view.show]);
  if (view.show !== "weights") return { numbers, top: extent(...all) };
  return { numbers, top: view.isFitted ? extent(numbers) : 1 };
}

/** A matrix on a canvas, by default the one that is looked at with cells as large as fit. */
export function paint(canvas, view, colors, numbers = shown(view).numbers, top = shown(view).top, cell = Math.max(8, Math.floor(1024 / view.size))) {
  const gap = cell > 20 ? 2 : 0;
  if (canvas.width !== cell * view.size) canvas.width = canvas.height = cell * view.size;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  numbers.forEach((value, n) => {
    const [i, j] = [Math.floor(n / view.size), n % view.size];
    context.fillStyle = view.show === "weights" ? colors.weight(value, top) : colors.signed(value, top);
    context.fillRect(j * cell, i * cell, cell - gap, cell - gap);
  });
}

function faces(view, colors) {
  return view.places.map((n) => {
    const label = view.label(n);
    const color = view.isOne ? "transparent" : label === null ? "currentColor" : colors.classes[label];
    return h("button", { type: "button", tabindex: -1, "data-place": n, title: view.name(n),
      style: `--class:${color}` },
      h("img", { src: address(view.pixels(n)), alt: view.name(n) })); // prettier-ignore
  });
}

function within(cell, { size }) {
  return cell?.every((place) => place < size) ? cell : null;
}

function choose(axis, place) {
  [...axis.children].forEach((face, n) => face.classList.toggle("chosen", n === place));
}

/** Who is looked at most: the means of the columns. */
function totals(view) {
  const received = view.received;
  const most = Math.max(...received);
  return [...received].map((share, j) =>
    h("div", { title: `${view.name(j)} gets ${(100 * share).toFixed(1)} % of all attention` },
      h("i", { style: `height:${(100 * share) / most}%` }),
      view.size <= FEW && h("small", {}, (100 * share).toFixed(0)))); // prettier-ignore
}

function place([rowMark, columnMark, cellMark], view) {
  const [i, j] = view.cell;
  const part = 100 / view.size;
  rowMark.style.cssText = `top:${i * part}%;height:${part}%`;
  columnMark.style.cssText = `left:${j * part}%;width:${part}%`;
  cellMark.style.cssText = `top:${i * part}%;left:${j * part}%;width:${part}%;height:${part}%`;
}

function told(view, [i, j]) {
  const value = view.now[view.show][i * view.size + j];
  const text = rounded(value, view.show === "weights" ? 4 : 2);
  return [
    h("b", { class: "q" }, view.name(i)), " → ", h("b", { class: "k" }, view.name(j)), `: ${NAMES[view.show]} `,
    h("data", { value, title: value }, text),
  ]; // prettier-ignore
}

/** What the colours mean: a scale from 0 to 1 or to the largest weight, else one centred on 0. */
function scale(view, colors) {
  const { top } = shown(view);
  const isWeight = view.show === "weights";
  const stops = Array.from({ length: 33 }, (_, n) => n / 32);
  const color = isWeight
    ? (at) => colors.weight(at ** 2)
    : (at) => colors.signed((2 * at - 1) * top, top);
  const ticks = isWeight
    ? weightTicks(view.size, top)
    : [[0, rounded(-top, 2)], [0.5, "0"], [1, rounded(top, 2)]];
  return [
    h("div", { class: "scale" },
      h("div", {},
        h("div", { class: "ramp", style: `background:linear-gradient(to right,${stops.map(color)})` }),
        h("div", { class: "ticks" }, ...ticks.map(([at, text]) => h("span", { style: `left:${100 * at}%` }, text)))),
      isWeight && h("button", { type: "button", "data-value": "fit", "aria-pressed": view.isFitted, click: () => view.set({ isFitted: !view.isFitted }) }, "Fit the colours")),
    h("p", {}, isWeight ? aboutWeights(view) : "The largest of the four passes at this step sets the ends of the scale."),
  ]; // prettier-ignore
}

function aboutWeights({ size, isFitted }) {
  const scale = isFitted
    ? "Fitted to the largest weight shown, for this picture only"
    : "One scale of roots for all steps, passes and runs";
  return `${scale}; 1/${size} is an even share.`;
}

/** Places on a scale of roots up to a weight, and what stands there. */
function weightTicks(size, top) {
  const isApart = (value) => Math.abs(Math.sqrt(value) - Math.sqrt(1 / size)) > 0.1; // else one hides the other
  const round = [0.25, 0.5].filter(isApart).map((value) => [value, String(value)]);
  const between = [[1 / size, `1/${size}`], ...round].filter(([value]) => value < 0.8 * top);
  const ticks = [[0, "0"], ...between, [top, top === 1 ? "1" : rounded(top, 2)]];
  return ticks.map(([value, text]) => [Math.sqrt(value / top), text]);
}

/** All numbers with all their digits, to be copied; made only while they are open. */
export function figures(view) {
  const table = h("div", {});
  const details = h("details", { class: "figures" }, h("summary", {}, "The numbers"), table);
  const draw = () => {
    const names = view.places.map((n) => view.name(n));
    const line = (name, i) =>
      h("tr", {}, h("th", { scope: "row" }, name),
        ...[...view.now[view.show].subarray(i * view.size, (i + 1) * view.size)].map((value) => h("td", {}, value))); // prettier-ignore
    table.replaceChildren(
      h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "looks at"), ...names.map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, ...names.map(line)))); // prettier-ignore
  };
  details.addEventListener("toggle", () => details.open && draw());
  view.listen(() => details.open && draw());
  return details;
}

function move(event, view) {
  if (event.key in KEYS && !event.altKey && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    const cell = KEYS[event.key].map((by, axis) => view.cell[axis] + by);
    if (cell.every((at) => at >= 0 && at < view.size)) view.set({ cell });
  } else if (/^[1-4]$/.test(event.key)) view.set({ pass: Number(event.key) });
}

function pick(target, choose) {
  const face = target.closest("[data-place]");
  if (face) choose(Number(face.dataset.place));
}

