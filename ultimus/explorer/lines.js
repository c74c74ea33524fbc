/** A group in a ring: lines from each picture to those it looks at, as thick as the weight. */

import { best } from "./company.js";
import { h, isStill, percent, rounded, svg } from "./dom.js";
import { row } from "./network.js";
import { follow } from "./parts.js";
import { address } from "./pictures.js";

// Rooms for a ring: its radii, the exponent of its roundness (2 is an ellipse), the size of a picture
const WIDE = { width: 720, height: 500, across: 312, down: 196, round: 2, face: 56 };
export const SMALL = { width: 440, height: 390, across: 180, down: 146, round: 4, face: 40 }; // beside other things
const NARROW = { width: 400, height: 600, across: 162, down: 262, round: 4, face: 46 }; // on a phone
const FILLS = 0.55; // a picture of the way to the next one, at most
const NAMED = 66; // of that way, where names have room beside each other
const FINE = 720; // places that are looked at all the way round
const NEEDS = ["index", "members", "pass", "cell"];
const LET_GO = 2600; // milliseconds that each picture is lit while nobody touches the page

/** The ring with the card of the picture that is lit, which goes round by itself; the element. */
export function lines(view, colors) {
  const { stage, draw, light } = ring(view, colors);
  const card = h("div", { class: "card", "aria-live": "polite" });
  const whole = h("div", { class: "lines" }, stage, card);
  letGo(whole, () => light((view.cell[0] + 1) % view.size));
  const both = () => {
    draw();
    card.replaceChildren(...about(view, colors()));
  };
  return follow(view, whole, both, NEEDS, { first: true });
}

/** The ring alone, in a room if it is not the one for its width; returns the element. */
export function ringOnly(view, colors, room) {
  const { stage, draw } = ring(view, colors, room);
  return follow(view, stage, draw, NEEDS);
}

function ring(view, colors, room) {
  const drawing = svg("svg", { class: "ring", tabindex: 0 });
  const shown = new Ring(drawing);
  const stage = h("div", { class: "stage" }, drawing);
  const now = () => room ?? roomFor(stage.clientWidth || innerWidth);
  const draw = () => shown.draw(view, colors(), now());
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
  new ResizeObserver(() => stage.clientWidth && now() !== shown.room && draw()).observe(stage);
  return { stage, draw, light };
}

/** In which names can be read at a width in pixels. */
function roomFor(width) {
  if (width < 420) return NARROW;
  return width < 600 ? SMALL : WIDE;
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

/** Places in the ring, equally far from each other all the way round, and how far. */
function round(size, room) {
  const way = Array.from({ length: FINE + 1 }, (_, n) => at((2 * Math.PI * n) / FINE - Math.PI / 2, room));
  const gone = [0];
  for (let n = 1; n <= FINE; n += 1) {
    gone.push(gone[n - 1] + Math.hypot(way[n][0] - way[n - 1][0], way[n][1] - way[n - 1][1]));
  }
  const apart = gone[FINE] / size;
  return { places: Array.from({ length: size }, (_, n) => way[gone.findIndex((far) => far >= n * apart)]), apart };
}

/** Where the ring is in a direction. */
function at(angle, { width, height, across, down, round }) {
  const [x, y] = [Math.cos(angle), Math.sin(angle)];
  const far = (Math.abs(x / across) ** round + Math.abs(y / down) ** round) ** (-1 / round);
  return [width / 2 + far * x, height / 2 - 8 + far * y];
}

/** The drawing, whose lines and faces stay and only move. */
class Ring {
  constructor(drawing) {
    this.drawing = drawing;
    this.title = svg("title");
    this.looks = svg("g", { class: "looks" });
    this.faces = svg("g");
    this.names = svg("g", { "text-anchor": "middle" }); // above all pictures
    drawing.append(this.title, this.looks, this.faces, this.names);
  }

  draw(view, colors, room) {
    this.room = room;
    const { places, apart } = this.round(view.size, room);
    const [lit] = view.cell;
    const [, most] = view.favourite(lit);
    this.drawing.setAttribute("viewBox", `0 0 ${room.width} ${room.height}`);
    this.title.textContent = `A group of ${view.size} pictures. ${view.name(lit)} looks at ${view.name(most)} most. Arrow keys light another one.`;
    const order = [...places.keys()].sort((a, b) => (a === lit) - (b === lit));
    const all = order.flatMap((i) => places.map((_, j) => line(view, places, room, i, j)));
    const seen = all.filter(Boolean);
    fill(this.looks, seen, () => svg("path"), set);
    const face = Math.min(room.face, FILLS * apart);
    fill(this.faces, places, newFace, (element, place, n) => dress(element, view, colors, face, place, n));
    fill(this.names, places, () => svg("text"), (element, place, n) => name(element, view, face, place, n));
    this.names.setAttribute("class", apart < NAMED ? "names few" : "names");
  }

  /** The places, which stay while the group and the room do. */
  round(size, room) {
    if (this.known?.size !== size || this.known.room !== room) this.known = { size, room, ...round(size, room) };
    return this.known;
  }
}

/** Let an element have a child for each thing, dressed by a function. */
function fill(parent, things, make, dress) {
  things.forEach((thing, n) => dress(child(parent, n, make), thing, n));
  while (parent.childElementCount > things.length) parent.lastChild.remove();
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
  return svg("g", {}, svg("rect", { rx: 7, class: "frame" }), svg("image", { preserveAspectRatio: "none" }));
}

/** How large a picture is shown: larger the more the one that is lit looks at it. */
function sizeOf(view, face, n) {
  const [lit] = view.cell;
  const weight = view.now.weights[lit * view.size + n];
  return n === lit ? face + 8 : face * (0.84 + 0.3 * Math.min(1, weight * 2));
}

function dress(element, view, colors, face, [x, y], n) {
  const isLit = n === view.cell[0];
  const shown = sizeOf(view, face, n);
  const corner = { x: x - shown / 2, y: y - shown / 2, width: shown, height: shown };
  const [frame, image] = element.children;
  set(element, { "data-place": n, class: isLit ? "face lit" : "face" });
  set(frame, { ...corner, stroke: isLit ? null : colors.classes[says(view, n)],
    "stroke-width": isLit ? 8 + 14 * view.now.weights[n * view.size + n] : 5 }); // prettier-ignore
  set(image, { ...corner, href: address(view.pixels(n)) });
}

/** What the network says of a picture, below it. */
function name(element, view, face, [x, y], n) {
  set(element, { x, y: y + sizeOf(view, face, n) / 2 + 13, class: n === view.cell[0] ? "lit" : null });
  const text = view.scene.classes[says(view, n)];
  if (element.textContent !== text) element.textContent = text;
}

const says = (view, n) => best(view.answers(n).at(-1));

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
