/**
 * The walk through one cell, a chapter after another: what picture i takes from picture j.
 *
 * Each chapter is a function of the view, the walk's numbers and the colours; its elements are drawn
 * anew for each cell, and what moves does so once, when the chapter opens.
 */

import { best } from "./company.js";
import { Colors, extent } from "./colors.js";
import { h, isStill, number, percent, redrawn, rounded } from "./dom.js";
import { FEATURES, HEAD, row } from "./network.js";
import { follow } from "./parts.js";
import { address } from "./pictures.js";
import { walk } from "./walk.js";

const PLAYED = 4200; // milliseconds for each chapter

const CHAPTERS = [
  ["A query meets a key", meet],
  ["Divided by √8", divide],
  ["The row becomes shares", share],
  ["Values mix", mixValues],
  ["From 8 numbers to 48", project],
  ["Added to the features", add],
  ["The answer moves", answer],
];

/** The story; returns the element. */
export function story(view, colors) {
  const head = h("div", { class: "pair" });
  const tabs = h("div", { class: "chapters", role: "group", "aria-label": "Steps of the walk" });
  const body = h("div", { class: "chapter" });
  const player = new Player(view);
  const draw = (changed) => {
    const numbers = walk(view.snapshot.network, view.trace, view.pass, ...view.cell);
    const [title, tell] = CHAPTERS[view.walk - 1];
    head.replaceChildren(...pair(view));
    redrawn(tabs, () => tabs.replaceChildren(...steps(view, player)));
    body.replaceChildren(h("h3", {}, `${view.walk}. ${title}`), ...tell(view, numbers, colors()));
    if (changed.has("walk") && !isStill()) enter(body);
  };
  player.listen(() => redrawn(tabs, () => tabs.replaceChildren(...steps(view, player))));
  const box = h("div", { class: "story" }, head, tabs, body);
  return follow(view, box, draw, ["index", "members", "pass", "cell", "walk"]);
}

/** Turns the chapters' pages by itself. */
class Player {
  constructor(view) {
    this.view = view;
    this.timer = null;
    this.changed = () => {};
  }

  listen(changed) {
    this.changed = changed;
  }

  toggle() {
    if (this.timer) this.stop();
    else {
      if (this.view.walk === CHAPTERS.length) this.view.set({ walk: 1 });
      this.timer = setInterval(() => this.next(), PLAYED);
    }
    this.changed();
  }

  next() {
    if (this.view.walk < CHAPTERS.length) this.view.set({ walk: this.view.walk + 1 });
    if (this.view.walk === CHAPTERS.length) this.stop();
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.changed();
  }
}

function steps(view, player) {
  const go = (walk) => () => {
    player.stop();
    view.set({ walk });
  };
  const button = (text, label, walk) =>
    h("button", { type: "button", "aria-label": label, "data-value": label, click: go(walk),
      disabled: walk < 1 || walk > CHAPTERS.length }, text); // prettier-ignore
  return [
    button("‹", "Previous step", view.walk - 1),
    ...CHAPTERS.map(([title], n) =>
      h("button", { type: "button", title, "aria-label": `Step ${n + 1}: ${title}`,
        "aria-pressed": view.walk === n + 1, "data-value": n + 1, click: go(n + 1) }, n + 1)),
    button("›", "Next step", view.walk + 1),
    h("button", { type: "button", class: "play", "data-value": "play", click: () => player.toggle() },
      player.timer ? "Pause" : "Play"),
  ]; // prettier-ignore
}

function pair(view) {
  const [i, j] = view.cell;
  const face = (place, role, text) =>
    h("figure", { class: role }, h("img", { src: address(view.pixels(place)), alt: "", width: 64, height: 64 }),
      h("figcaption", {}, h("strong", {}, view.name(place)), h("span", {}, text))); // prettier-ignore
  return [face(i, "q", "looks: its query"), h("span", { class: "arrow" }, "→"), face(j, "k", "is looked at: its key")];
}

// Chapters ----------------------------------------------------------------------------------------

function meet(view, own, colors) {
  const top = extent(own.query, own.key);
  const most = extent(own.products);
  return [
    formula("qᵢ · kⱼ = q₁k₁ + q₂k₂ + … + q₈k₈"),
    h("div", { class: "eight" },
      strip("query", own.query, colors, top, "q"),
      strip("× key", own.key, colors, top, "k"),
      strip("terms", own.products, colors, most, "p"),
      h("p", { class: "sum" }, "their sum ", h("b", { class: "fly" }, number(own.total)))),
    text("The query was made from the 48 features of the one that looks, the key from those of the other. Where both are large with the same sign, the term is large. Their sum is the product of query and key: the larger, the better they fit."),
  ]; // prettier-ignore
}

function divide(view, own) {
  return [
    formula("sᵢⱼ = qᵢ · kⱼ ÷ √8"),
    h("p", { class: "big" }, number(own.total), " ÷ ", number(Math.sqrt(HEAD)), " = ", h("b", {}, number(own.score))),
    text("Why √8? A sum of 8 independent terms of variance 1 has variance 8, so its spread is √8. The division keeps scores in a range where softmax can still choose, however wide a query is. Here the width never changes, so it is a constant that W_q could learn just as well, were the network trained without it."),
  ]; // prettier-ignore
}

function share(view, own, colors) {
  const [, j] = view.cell;
  const most = Math.max(...own.weights);
  const bars = [...own.weights].map((weight, n) =>
    h("div", { class: n === j ? "chosen" : null, title: `${view.name(n)}: score ${own.scores[n]}, weight ${weight}` },
      h("i", { style: `height:${(100 * weight) / most}%;background:${colors.weight(weight)}` }),
      h("img", { src: address(view.pixels(n)), alt: view.name(n) }))); // prettier-ignore
  return [
    formula("aᵢⱼ = exp(sᵢⱼ − largest) ÷ sum of all these in the row"),
    h("div", { class: "bars", style: `--count:${view.size}` }, ...bars),
    h("p", { class: "big" }, "exp(", number(own.score), " − ", number(own.largest), ") = ", number(own.exponentials[j])),
    h("p", { class: "big" }, number(own.exponentials[j]), " ÷ ", number(own.normalizer), " = ", h("b", {}, number(own.weights[j], 4))),
    text(`Softmax turns the ${view.size} scores of the row into shares that add up to 1. An even share would be ${rounded(1 / view.size, 4)}. The largest score is subtracted from all first: no share changes, and exp stays small.`),
  ]; // prettier-ignore
}

function mixValues(view, own, colors) {
  const order = [...own.weights.keys()].sort((a, b) => own.weights[b] - own.weights[a]);
  const [first, rest] = [order.slice(0, 4), order.slice(4)];
  const part = (n) => own.contributions.subarray(n * HEAD, (n + 1) * HEAD);
  const others = part(0).map((_, d) => rest.reduce((sum, n) => sum + part(n)[d], 0));
  const top = extent(own.contributions, own.mixed);
  const lines = first.map((n) => strip([percent(own.weights[n]), ` of ${view.name(n)}`], part(n), colors, top));
  return [
    formula("mᵢ = aᵢ₁v₁ + aᵢ₂v₂ + …"),
    h("div", { class: "eight" }, ...lines,
      rest.length ? strip(`${rest.length} others`, others, colors, top) : null,
      strip("mixed", own.mixed, colors, top, "v")),
    text(`Every ${view.token} hands on eight numbers, its value. Each counts by its share, and they add up: that is what this ${view.token} takes from them all.`),
  ]; // prettier-ignore
}

function project(view, own, colors) {
  const length = (numbers) => Math.hypot(...numbers);
  return [
    formula("rᵢ = W₀ mᵢ + b₀"),
    h("div", { class: "wide" }, strip("8 mixed", own.mixed, colors, extent(own.mixed), "v"), many("48 to add", own.residual, colors, extent(own.residual))),
    h("p", {}, `The bias b₀ alone, the same for every ${view.token}, is `, percent(length(own.bias) / length(own.residual)), " as long as the whole."),
    text("A matrix of 48 × 8 weights brings the eight numbers back to the size of the features."),
  ]; // prettier-ignore
}

function add(view, own, colors) {
  const [i] = view.cell;
  const before = row(own.before, i, FEATURES);
  const top = extent(before, own.after);
  return [
    formula("xᵢ ← xᵢ + rᵢ"),
    h("div", { class: "wide" }, many("before", before, colors, top), many("+ added", own.residual, colors, top), many("after", own.after, colors, top)),
    text(view.pass < 4 ? `These 48 numbers enter pass ${view.pass + 1}: the same block, the same weights.` : `${view.isOne ? "The mean of all patches' numbers goes" : "These 48 numbers go"} to the classifier.`),
  ]; // prettier-ignore
}

function answer(view, own, colors) {
  const [i] = view.cell;
  const [before, after] = view.answers(i).slice(view.pass - 1, view.pass + 1);
  const order = [...after.keys()].sort((a, b) => after[b] + before[b] - after[a] - before[a]).slice(0, 5);
  const lines = order.map((c) =>
    h("tr", {}, h("th", { scope: "row" }, view.scene.classes[c]),
      h("td", { class: "from" }, bar(before[c], colors.classes[c]), bar(after[c], colors.classes[c])),
      h("td", {}, percent(before[c]), " → ", h("b", {}, percent(after[c]))))); // prettier-ignore
  const worst = Math.max(...Object.values(own.check));
  return [
    h("table", { class: "moves" }, h("tbody", {}, ...lines)),
    text(`${view.isOne ? "The classifier gets the mean of all patches. " : ""}Read after pass ${view.pass - 1} and after pass ${view.pass}, the classifier says ${view.scene.classes[best(before)]} and then ${view.scene.classes[best(after)]}.`),
    h("p", { class: "checked" }, "Checked: each step was computed again from the numbers before it; the largest difference is ",
      h("data", { value: worst }, worst.toExponential(1)), ", the rounding of single precision."),
  ]; // prettier-ignore
}

// Parts -------------------------------------------------------------------------------------------

function formula(text) {
  return h("p", { class: "formula" }, text);
}

function text(words) {
  return h("p", { class: "words" }, words);
}

function bar(share, color) {
  return h("i", { style: `width:${100 * share}%;background:${color}` });
}

/** Eight numbers in coloured cells, with a name before them. */
function strip(name, numbers, colors, top, kind = "") {
  const cells = [...numbers].map((value) => {
    const color = colors.signed(value, top);
    return h("data", { value, title: value, style: `background:${color};color:${Colors.ink(color)}` }, rounded(value, 2));
  });
  return h("div", { class: `strip ${kind}` }, h("span", {}, ...[name].flat()), ...cells);
}

/** Forty-eight numbers in coloured cells; what they are stands in their titles. */
function many(name, numbers, colors, top) {
  const cells = [...numbers].map((value, d) =>
    h("data", { value, title: `feature ${d}: ${value}`, style: `background:${colors.signed(value, top)}` }));
  return h("div", { class: "many" }, h("span", {}, name), h("div", {}, ...cells));
}

/** What a chapter shows comes in one after another; eight products fly into their sum. */
function enter(body) {
  const pieces = body.querySelectorAll(".strip data, .bars > div, .many data, .big, .moves tr");
  const late = (n) => Math.min(n * 28, 1200);
  pieces.forEach((piece, n) =>
    piece.animate([{ opacity: 0, transform: "translateY(6px)" }, { opacity: 1, transform: "none" }],
      { duration: 260, delay: late(n), fill: "backwards", easing: "ease-out" })); // prettier-ignore
  const sum = body.querySelector(".fly");
  if (sum) body.querySelectorAll(".strip.p data").forEach((product, n) => fly(product, sum, 1000 + 90 * n));
}

function fly(from, to, delay) {
  const [start, end] = [from, to].map((element) => element.getBoundingClientRect());
  const copy = from.cloneNode(true);
  copy.classList.add("flying");
  copy.setAttribute("aria-hidden", "true");
  copy.style.cssText += `;position:absolute;width:${start.width}px;pointer-events:none`;
  from.append(copy);
  const move = `translate(${end.left - start.left}px, ${end.top - start.top}px) scale(.6)`;
  const flight = copy.animate([{ transform: "none", opacity: 0.9 }, { transform: move, opacity: 0 }],
    { duration: 700, delay, fill: "both", easing: "cubic-bezier(.5,0,.3,1)" }); // prettier-ignore
  flight.finished.then(() => copy.remove(), () => {});
}
