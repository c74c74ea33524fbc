/**
 * A network of patches, looked into: where each patch of a picture looks, in each of the passes.
 *
 * The row of the selected patch lies over the picture as a heat map: what it does not look at is
 * dark. A patch is selected by pointing at it, by keyboard, or by a row of the matrix.
 */

import { Colors } from "./colors.js";
import { h, percent } from "./dom.js";
import { PASSES, SIDE, entropy, patchFeatures, row, softmax, trace } from "./network.js";
import { address } from "./pictures.js";
import { bytes, layers } from "./scene.js";

const BRIGHT = 3; // so many times an even share leaves a patch as bright as it is
const FIRST = { picture: 0, patch: null, pass: 1, step: -1 };

/** Snapshots and pictures of a packed scene, see ultimus/explorer/patches.py. */
export function unpackPatches(packed) {
  const { pictures, snapshots } = packed;
  const pixels = bytes(pictures.pixels);
  const each = pixels.length / pictures.labels.length;
  const weights = snapshots.weights.map(
    (text) => () => layers(new Float32Array(bytes(text).buffer), snapshots.parts),
  );
  return {
    ...packed,
    pixels: pictures.labels.map((_, n) => pixels.subarray(n * each, (n + 1) * each)),
    networks: weights,
  };
}

/** What is chosen and what the network makes of it; computed anew only where it has changed. */
export class Patches {
  constructor(scene, chosen = {}) {
    this.scene = scene;
    this.listeners = [];
    this.known = {};
    Object.assign(this, FIRST, { step: scene.networks.length - 1 });
    this.set(chosen);
  }

  /** Choose; what is out of bounds is left as it is. */
  set(chosen) {
    const bounds = { picture: this.scene.pixels.length, patch: this.size, pass: PASSES + 1, step: this.scene.networks.length };
    for (const [name, bound] of Object.entries(bounds)) {
      const value = Number(chosen[name] ?? NaN);
      if (Number.isInteger(value) && value >= (name === "pass" ? 1 : 0) && value < bound) this[name] = value;
    }
    this.patch ??= this.brightest();
    this.listeners.forEach((listen) => listen());
  }

  listen(listener) {
    this.listeners.push(listener);
  }

  get grid() {
    return this.scene.grid;
  }

  get size() {
    return this.grid ** 2;
  }

  get trace() {
    const key = `${this.step} ${this.picture}`;
    if (this.known.key !== key) {
      const network = (this.scene.networks[this.step].made ??= this.scene.networks[this.step]());
      const x = patchFeatures(network, this.scene.pixels[this.picture], this.grid);
      this.known = { key, trace: trace(network, x, { patches: true }) };
    }
    return this.known.trace;
  }

  /** Where a patch looks in a pass (T). */
  looks(pass, patch = this.patch) {
    return row(this.trace.passes[pass - 1].weights, patch, this.size);
  }

  /** The shares of the classes after so many passes. */
  answer(passes) {
    return softmax(this.trace.logits[passes]);
  }

  /** The patch that all patches look at most in the first pass. */
  brightest() {
    const { weights } = this.trace.passes[0];
    const sums = Array.from({ length: this.size }, (_, j) =>
      Array.from({ length: this.size }, (_, i) => weights[i * this.size + j]).reduce((a, b) => a + b, 0),
    );
    return sums.indexOf(Math.max(...sums));
  }

  get link() {
    const { picture, patch, pass, step } = this;
    return { picture, patch, pass, step };
  }
}

/** All of it in an element; the state. */
export function patches(root, scene, theme, chosen = {}) {
  const state = new Patches(scene, chosen);
  const heats = Array.from({ length: PASSES }, (_, n) => heat(state, n + 1));
  const table = matrix(state, () => new Colors(scene.colors, theme(), root));
  const parts = [strip(state), ...heats, told(state), time(state), table, answers(state)];
  const [pictures, , , , , said, steps, ...below] = parts.map((part) => part.box);
  const row = h("div", { class: "heats" }, ...heats.map((part) => part.box));
  root.replaceChildren(
    h("div", { class: "patches" }, pictures, row, said, steps, h("div", { class: "below" }, ...below)),
  );
  const draw = () => parts.forEach((part) => part.draw());
  state.listen(draw);
  draw();
  return state;
}

// The parts ---------------------------------------------------------------------------------------

/** All pictures, to choose one. */
function strip(state) {
  const { scene } = state;
  const buttons = scene.pixels.map((pixels, n) =>
    h("button", { type: "button", "aria-label": `picture ${n}: ${name(scene, n)}`, click: () => state.set({ picture: n }) }, h("img", { src: address(pixels), alt: "" })));
  const box = h("div", { class: "strip", role: "group", "aria-label": "Pictures" }, ...buttons);
  return { box, draw: () => buttons.forEach((button, n) => button.setAttribute("aria-pressed", String(n === state.picture))) };
} // prettier-ignore

function name(scene, n) {
  return scene.classes[scene.pictures.labels[n]] ?? "yours";
}

/** The picture with the selected patch's row of one pass over it; each patch is a button. */
function heat(state, pass) {
  const picture = h("img", { alt: "" });
  const cells = Array.from({ length: state.size }, (_, patch) => {
    const select = () => patch !== state.patch && state.set({ patch });
    return h("button", { type: "button", pointerenter: select, focus: select, click: () => state.set({ patch, pass }) });
  });
  const caption = h("figcaption", {});
  const box = h("figure", { class: "heat", style: `--grid:${state.grid}` }, h("div", { class: "over" }, picture, h("div", { class: "cells" }, ...cells)), caption);
  const draw = () => {
    picture.src = address(state.scene.pixels[state.picture]);
    const weights = state.looks(pass);
    cells.forEach((cell, patch) => {
      cell.style.background = `rgb(0 0 0 / ${0.88 * (1 - Math.sqrt(Math.min(1, (weights[patch] * state.size) / BRIGHT)))})`;
      cell.dataset.weight = weights[patch];
      cell.title = cell.ariaLabel = `${place(state, patch)}: ${weights[patch].toFixed(3)}`;
      cell.classList.toggle("selected", patch === state.patch);
    });
    box.classList.toggle("now", pass === state.pass);
    caption.replaceChildren(h("strong", {}, `Pass ${pass}`), ` entropy ${entropy(weights).toFixed(2)} of ln ${state.size} = ${Math.log(state.size).toFixed(2)}`);
  };
  return { box, draw };
} // prettier-ignore

/** Where a patch is, as people say it. */
function place(state, patch) {
  return `row ${Math.floor(patch / state.grid) + 1}, column ${(patch % state.grid) + 1}`;
}

function told(state) {
  const box = h("p", { class: "note" });
  const draw = () => {
    const weights = state.looks(state.pass);
    const most = weights.indexOf(Math.max(...weights));
    box.textContent = `The patch in ${place(state, state.patch)} looks most at the one in ${place(state, most)} (${weights[most].toFixed(3)}; all alike would be ${(1 / state.size).toFixed(3)}). What gets ${BRIGHT} times an even share or more is as bright as the picture; what gets nothing is dark.`;
  };
  return { box, draw };
} // prettier-ignore

/** The attention of all patches in one pass, with the patches themselves on its axes. */
function matrix(state, colors) {
  const side = state.size + 1;
  const canvas = h("canvas", { role: "img", "aria-label": "Attention of all patches: a row looks, a column is looked at" });
  const box = h("div", { class: "attention" }, h("h3", {}, "All patches: a row looks, a column is looked at"), canvas);
  const cell = Math.max(6, Math.floor(420 / side));
  canvas.width = canvas.height = side * cell;
  canvas.addEventListener("click", (event) => {
    const patch = Math.floor((event.offsetY / canvas.clientHeight) * side) - 1;
    if (patch >= 0) state.set({ patch });
  });
  const picture = new Image();
  const draw = () => {
    picture.src = address(state.scene.pixels[state.picture]);
    picture.decode().then(() => paint(canvas, picture, state, colors(), cell));
  };
  return { box, draw };
} // prettier-ignore

function paint(canvas, picture, state, colors, cell) {
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.clearRect(0, 0, canvas.width, canvas.height);
  const { weights } = state.trace.passes[state.pass - 1];
  const part = SIDE / state.grid;
  for (let i = 0; i < state.size; i++) {
    const from = [(i % state.grid) * part, Math.floor(i / state.grid) * part, part, part];
    context.drawImage(picture, ...from, 0, (i + 1) * cell, cell - 1, cell - 1);
    context.drawImage(picture, ...from, (i + 1) * cell, 0, cell - 1, cell - 1);
    for (let j = 0; j < state.size; j++) {
      context.fillStyle = colors.weight(weights[i * state.size + j]);
      context.fillRect((j + 1) * cell, (i + 1) * cell, cell - 1, cell - 1);
    }
  }
  context.strokeStyle = "#0072b2";
  context.lineWidth = 2;
  context.strokeRect(1, (state.patch + 1) * cell, canvas.width - 2, cell - 1);
}

/** The three likeliest classes after each number of passes. */
function answers(state) {
  const body = h("tbody", {});
  const box = h("div", { class: "answered" }, h("h3", {}, "The answer: the mean of all patches, classified"), h("table", {}, body));
  const draw = () => body.replaceChildren(...Array.from({ length: PASSES + 1 }, (_, passes) => line(state, passes)));
  return { box, draw };
} // prettier-ignore

function line(state, passes) {
  const shares = state.answer(passes);
  const best = [...shares.keys()].sort((a, b) => shares[b] - shares[a]).slice(0, 3);
  const { classes, colors, pictures } = state.scene;
  const bars = best.map((c) =>
    h("td", {}, h("i", { style: `width:${4 * shares[c]}rem;background:${colors.classes[c]}` }), h("span", {}, classes[c]), " ", percent(shares[c])));
  const isRight = best[0] === pictures.labels[state.picture];
  return h("tr", { class: isRight ? "right" : null }, h("th", { scope: "row" }, `after ${passes}`), ...bars);
} // prettier-ignore

/** The steps of the training, to go through. */
function time(state) {
  const { snapshots } = state.scene;
  const range = h("input", { type: "range", min: 0, max: snapshots.steps.length - 1, "aria-label": "Training step", input: () => state.set({ step: Number(range.value) }) });
  const label = h("output", {});
  const draw = () => {
    range.value = state.step;
    label.textContent = `step ${snapshots.steps[state.step].toLocaleString("en")}, epoch ${snapshots.epochs[state.step].toFixed(2)}`;
  };
  range.hidden = snapshots.steps.length === 1;
  return { box: h("div", { class: "bar time" }, range, label), draw };
} // prettier-ignore
