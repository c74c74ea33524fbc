/**
 * A network of patches, looked into: where each patch of a picture looks, in each of the passes.
 *
 * The row of the selected patch lies over the picture as a heat map: what it does not look at is
 * dark. A patch is selected by pointing at it, by keyboard, or in the matrix.
 */

import { h, redrawn } from "./dom.js";
import { passes, projector } from "./hero.js";
import { answers } from "./lines.js";
import { shows, tabs } from "./look.js";
import { figures, matrix } from "./matrix.js";
import { PASSES, entropy, row } from "./network.js";
import { leaving, otherwise } from "./others.js";
import { overview } from "./overview.js";
import { follow } from "./parts.js";
import { passByPass } from "./passes.js";
import { address } from "./pictures.js";
import { bytes, layers, separate } from "./scene.js";
import { scrubber } from "./scrubber.js";
import { story } from "./story.js";
import { vectors } from "./vectors.js";

const BRIGHT = 3; // so many times an even share leaves a patch as bright as it is
const NEEDS = ["index", "members", "pass", "cell"];
const INSIDE = {
  passes: (view, colors) => [passByPass(view, colors)],
  ablations: (view, colors) => [otherwise(view, colors), leaving(view)],
};

/** A packed scene of ultimus/explorer/patches.py as a view takes it. */
export function unpackPatches(packed) {
  const { steps, epochs, parts, weights } = packed.snapshots;
  const snapshots = steps.map((step, n) => new Snapshot(step, epochs[n], parts, weights[n]));
  return { ...packed, pictures: separate(packed.pictures), snapshots };
}

/** A step, whose weights are unpacked when they are asked for. */
class Snapshot {
  constructor(step, epoch, parts, packed) {
    Object.assign(this, { step, epoch, parts, packed });
  }

  get whole() {
    this.layers ??= layers(new Float32Array(bytes(this.packed).buffer), this.parts);
    return this.layers;
  }

  get network() {
    return this.whole;
  }
}

/** All there is to look into. */
export function lookAtPatches(view, colors) {
  return h("div", { class: "look" }, bar(view), ...inside(view, colors));
}

/** What is chosen for all of it. */
export function bar(view) {
  return h("div", { class: "bar" }, passes(view), shows(view), projector());
}

/** What follows from it. */
export function inside(view, colors) {
  return [
    heats(view), beside(view, colors),
    h("h2", {}, "Queries, keys, values"), vectors(view, colors),
    tabs(view, colors, INSIDE),
  ]; // prettier-ignore
}

/** The matrix with time below, and the walk beside it. */
export function beside(view, colors) {
  return h("div", { class: "beside" },
    h("div", {}, matrix(view, colors), scrubber(view), overview(view, colors), figures(view)),
    h("div", {}, story(view, colors), said(view, colors))); // prettier-ignore
}

/** The pictures to choose from, and the chosen one as the selected patch looks at it. */
export function heats(view) {
  return h("div", { class: "patches" }, album(view), ...maps(view).children);
}

/** The chosen picture as the selected patch looks at it, in each pass. */
export function maps(view) {
  const four = Array.from({ length: PASSES }, (_, n) => heat(view, n + 1));
  const note = h("p", { class: "note" });
  const draw = () => {
    four.forEach((map) => map.draw());
    note.textContent = told(view);
  };
  const heats = h("div", { class: "heats" }, ...four.map((map) => map.box));
  return h("div", { class: "patches" }, follow(view, heats, draw, NEEDS, { first: true }), note);
}

/** What the picture is taken for after each pass. */
export function said(view, colors) {
  const box = h("div", { class: "answered" });
  const draw = () => box.replaceChildren(h("h3", {}, `${view.whose()}: the mean of all patches, classified`), answers(view, colors(), 0));
  return follow(view, box, draw, ["index", "members"], { first: true });
}

// Parts -------------------------------------------------------------------------------------------

/** All pictures, to choose one. */
function album(view) {
  const box = h("div", { class: "album", role: "group", "aria-label": "Pictures" });
  const button = (member, place) =>
    h("button", { type: "button", "data-value": place, "aria-label": `picture ${place}: ${view.called(member)}`, "aria-pressed": member === view.member, click: () => view.set({ picture: place }) },
      h("img", { src: address(view.pixelsOf(member)), alt: "" })); // prettier-ignore
  const draw = () => redrawn(box, () => box.replaceChildren(...view.members.map(button)));
  return follow(view, box, draw, ["members"], { first: true });
}

/** The picture with the selected patch's row of one pass over it; each patch is a button. */
function heat(view, pass) {
  const picture = h("img", { alt: "" });
  const select = (patch) => () => patch !== view.cell[0] && view.point(patch);
  const cells = Array.from({ length: view.size }, (_, patch) =>
    h("button", { type: "button", pointerenter: select(patch), focus: select(patch), click: () => view.set({ pass, cell: view.favourite(patch) }) }));
  const caption = h("figcaption", {});
  const box = h("figure", { class: "heat", style: `--grid:${view.grid}` }, h("div", { class: "over" }, picture, h("div", { class: "cells" }, ...cells)), caption);
  const draw = () => {
    picture.src = address(view.pixelsOf(view.member));
    const weights = row(view.trace.passes[pass - 1].weights, view.cell[0], view.size);
    cells.forEach((cell, patch) => shade(cell, weights[patch], view, patch));
    cells.forEach((cell, patch) => cell.classList.toggle("looked", pass === view.pass && patch === view.cell[1]));
    box.classList.toggle("now", pass === view.pass);
    caption.replaceChildren(h("strong", {}, `Pass ${pass}`), ` entropy ${entropy(weights).toFixed(2)} of ${Math.log(view.size).toFixed(2)}`);
  };
  return { box, draw };
} // prettier-ignore

function shade(cell, weight, view, patch) {
  cell.style.background = `rgb(0 0 0 / ${0.88 * (1 - Math.sqrt(Math.min(1, (weight * view.size) / BRIGHT)))})`;
  cell.dataset.weight = weight;
  cell.title = cell.ariaLabel = `${view.name(patch)}: ${weight.toFixed(3)}`;
  cell.classList.toggle("selected", patch === view.cell[0]);
}

function told(view) {
  const weights = row(view.now.weights, view.cell[0], view.size);
  const most = weights.indexOf(Math.max(...weights));
  const whom = most === view.cell[0] ? "itself" : view.name(most);
  return `In pass ${view.pass} ${view.name(view.cell[0])} (its row and column) looks most at ${whom}: ${weights[most].toFixed(3)}; all alike would be ${(1 / view.size).toFixed(3)}. What gets ${BRIGHT} times an even share or more is as bright as the picture; what gets nothing is dark.`;
}
