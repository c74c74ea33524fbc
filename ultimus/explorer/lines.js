/** A group in a ring: lines from each picture to those it looks at, as thick as the weight. */

import { best } from "./company.js";
import { h, isStill, percent, rounded, svg } from "./dom.js";
import { row } from "./network.js";
import { follow } from "./parts.js";
import { address } from "./pictures.js";

const WIDE = { width: 720, height: 500, across: 312, down: 196, face: 56 }; // radii of the ring
export const SMALL = { width: 440, height: 380, across: 180, down: 140, face: 42 }; // beside other things
const NARROW = { width: 400, height: 560, across: 160, down: 232, face: 58 }; // on a phone
const NEEDS = ["index", "members", "pass", "cell"];
const LET_GO = 2600; // milliseconds that each picture is lit while nobody touches the page

/** The ring with the card of the picture that is lit, which goes round by itself; the element. */
export function lines(view, colors) {
  const { stage, draw, light } = ring(view, colors);
  const card = h("div", { class: "card", "aria-live": "polite" });
  const made = h("div", { class: "lines" }, stage, card);
  letGo(made, () => light((view.cell[0] + 1) % view.size));
  const both = () => {
    draw();
    card.replaceChildren(...about(view, colors()));
  };
  return follow(view, made, both, NEEDS, { first: true });
}

/** The ring alone, in a room if it is not the window's; returns the element. */
export function ringOnly(view, colors, room) {
  const { stage, draw } = ring(view, colors, room);
  return follow(view, stage, draw, NEEDS);
}

function ring(view, colors, room) {
  const narrow = matchMedia("(max-width: 600px)");
  const drawing = svg("svg", { class: "ring", tabindex: 0 });
  const shown = new Ring(drawing);
  const draw = () => shown.draw(view, colors(), room ?? (narrow.matches ? NARROW : WIDE));
  const light = (place) => view.set({ cell: view.favourite(place) });
  for (const event of ["pointerover", "click"]) {
    drawing.addEventListener(event, ({ target }) => {
      const face = target.closest("[data-place]");
      if (face && Number(face.dataset.place) !== view.cell[0]) light(Number(face.dataset.place));
    });
  }
  drawing.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    light((view.cell[0] + step + view.size) % view.size);
  });
  narrow.addEventListener("change", draw);
  return { stage: h("div", { class: "stage" }, drawing), draw, light };
}

/** Light one picture after another until somebody touches the page. */
function letGo(element, next) {
  if (isStill()) return;
  const timer = setInterval(() => {
    if (document.visibilityState === "visible" && isSeen(element)) next();
  }, LET_GO);
  for (const event of ["pointerdown", "pointerover", "keydown", "focusin"]) {
    const isInside = event === "pointerover" ? element : window;
    isInside.addEventListener(event, () => clearInterval(timer), { once: true });
  }
}

function isSeen(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}

function place(n, size, { width, height, across, down }) {
  const angle = (2 * Math.PI * n) / size - Math.PI / 2;
  return [width / 2 + across * Math.cos(angle), height / 2 - 8 + down * Math.sin(angle)];
}

/** The drawing, whose lines and faces stay and only move. */
class Ring {
  constructor(drawing) {
    this.drawing = drawing;
    this.title = svg("title");
    this.looks = svg("g", { class: "looks" });
    this.faces = svg("g");
    drawing.append(this.title, this.looks, this.faces);
  }

  draw(view, colors, room) {
    const places = view.members.map((_, n) => place(n, view.size, room));
    const [lit] = view.cell;
    const [, most] = view.favourite(lit);
    this.drawing.setAttribute("viewBox", `0 0 ${room.width} ${room.height}`);
    this.title.textContent = `A group of ${view.size} pictures. ${view.name(lit)} looks at ${view.name(most)} most. Arrow keys light another one.`;
    const order = [...places.keys()].sort((a, b) => (a === lit) - (b === lit));
    const all = order.flatMap((i) => places.map((_, j) => line(view, places, room, i, j)));
    all.filter(Boolean).forEach((line, n) => set(child(this.looks, n, () => svg("path")), line));
    while (this.looks.childElementCount > all.filter(Boolean).length) this.looks.lastChild.remove();
    places.forEach((at, n) => dress(child(this.faces, n, newFace), view, colors, room, at, n));
    while (this.faces.childElementCount > places.length) this.faces.lastChild.remove();
  }
}

/** The child of an element at a place, made if it is the next. */
function child(parent, n, make) {
  return parent.children[n] ?? parent.appendChild(make());
}

/** Give an element attributes, those alone that differ from what it has. */
function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
  }
}

/** From i to j, bent towards the middle; nothing where the weight is too small to be seen. */
function line(view, places, { width, height, down }, i, j) {
  const weight = view.now.weights[i * view.size + j];
  const isLit = i === view.cell[0];
  if (i === j || weight < (isLit ? 0.004 : 0.02)) return null;
  const [[x, y], [u, v]] = [places[i], places[j]];
  const near = Math.max(0, 1 - Math.hypot(x - u, y - v) / (2 * down)); // neighbours need no detour
  const bend = (at, middle) => middle + (at - middle) * (0.25 + 0.5 * near);
  const [c, d] = [bend((x + u) / 2, width / 2), bend((y + v) / 2, height / 2)];
  return {
    d: `M${x} ${y}Q${c} ${d} ${u} ${v}`,
    class: isLit ? "lit" : null,
    "stroke-width": (isLit ? 1 : 0.5) + (isLit ? 26 : 14) * weight,
    "stroke-opacity": isLit ? 0.35 + 0.65 * Math.sqrt(weight) : 0.05 + 0.3 * weight,
  };
}

function newFace() {
  return svg("g", {}, svg("rect", { rx: 7, class: "frame" }),
    svg("image", { preserveAspectRatio: "none" }), svg("text", { "text-anchor": "middle" })); // prettier-ignore
}

function dress(face, view, colors, room, [x, y], n) {
  const [lit] = view.cell;
  const weight = view.now.weights[lit * view.size + n];
  const shown = n === lit ? room.face + 8 : room.face * (0.84 + 0.3 * Math.min(1, weight * 2));
  const said = best(view.answers(n).at(-1));
  const corner = { x: x - shown / 2, y: y - shown / 2, width: shown, height: shown };
  const [frame, image, text] = face.children;
  set(face, { "data-place": n, class: n === lit ? "face lit" : "face" });
  set(frame, { ...corner, stroke: n === lit ? null : colors.classes[said],
    "stroke-width": n === lit ? 8 + 14 * weight : 5 }); // prettier-ignore
  set(image, { ...corner, href: address(view.pixels(n)) });
  set(text, { x, y: y + shown / 2 + 13 });
  if (text.textContent !== view.scene.classes[said]) text.textContent = view.scene.classes[said];
}

// The card ----------------------------------------------------------------------------------------

function about(view, colors) {
  const [lit] = view.cell;
  const weights = row(view.now.weights, lit, view.size);
  const order = [...weights.keys()].sort((a, b) => weights[b] - weights[a]).slice(0, 5);
  const label = view.label(lit);
  return [
    h("div", { class: "who" },
      h("img", { src: address(view.pixels(lit)), alt: "", width: 84, height: 84 }),
      h("div", {}, h("strong", {}, view.name(lit)),
        h("small", {}, label === null ? "your picture" : "what it is"),
        h("p", {}, ...verdict(view, lit, label)))),
    h("h3", {}, `Looks at, in pass ${view.pass}`),
    h("div", { class: "looked" }, ...order.map((j) => looked(view, j, lit, weights[j]))),
    h("h3", {}, "What it says, pass by pass"),
    answers(view, colors, lit),
  ]; // prettier-ignore
}

function verdict(view, place, label) {
  const said = best(view.answers(place).at(-1));
  const judged = label === null ? "" : said === label ? ": right" : ": wrong";
  return ["The network says ", h("b", {}, view.scene.classes[said]), judged];
}

function looked(view, j, lit, weight) {
  return h("figure", {},
    h("img", { src: address(view.pixels(j)), alt: view.name(j), width: 44, height: 44 }),
    h("figcaption", {}, percent(weight), h("small", {}, j === lit ? "itself" : view.name(j)))); // prettier-ignore
}

/** The class probabilities of a place after 0 to P passes, a bar each. */
export function answers(view, colors, place) {
  const rows = view.answers(place).map((answer, passes) => {
    const top = best(answer);
    const parts = [...answer].map((share, c) =>
      h("i", { style: `width:${100 * share}%;background:${colors.classes[c]}`,
        title: `${view.scene.classes[c]} ${rounded(100 * share, 1)} %` })); // prettier-ignore
    return h("tr", {},
      h("th", { scope: "row" }, passes === 0 ? "before" : `pass ${passes}`),
      h("td", { class: "stack" }, h("div", {}, ...parts)),
      h("td", {}, view.scene.classes[top], " ", percent(answer[top]))); // prettier-ignore
  });
  return h("table", { class: "answers" }, h("tbody", {}, ...rows));
}
