/** The beginning of a page: one sentence, and sixteen pictures that show it. */

import { choice, h, redrawn } from "./dom.js";
import { lines } from "./lines.js";
import { follow } from "./parts.js";

const PASSES = { 1: "1", 2: "2", 3: "3", 4: "4" };

/** What the page says first, and its pictures alive; returns the element. */
export function hero(view, colors) {
  const size = { 16: "Sixteen" }[view.size] ?? String(view.size);
  return h("section", { class: "hero" },
    h("h1", {}, `${size} pictures look at each other before each says what it is.`),
    h("p", { class: "lead" }, "A network of 21,058 parameters (the numbers that training adjusts) turns each picture into 48 numbers. Then one attention block, applied four times, lets every picture take something from every other. Point at a picture: its lines lead to those it looks at, as thick as the share of its attention; so is its frame for what it keeps. Under a picture stands what the network says; the card tells what it is."),
    h("div", { class: "bar" }, passes(view), groups(view), projector()),
    lines(view, colors)); // prettier-ignore
}

/** The choice of a pass. */
export function passes(view) {
  return live(view, ["pass"], () => choice("Pass", PASSES, view.pass, (pass) => view.set({ pass: Number(pass) })));
}

function groups(view) {
  let seed = 0;
  const button = (text, click) => h("button", { type: "button", click }, text);
  return h("div", { class: "groups" }, button("Other pictures", () => view.regroupAtRandom((seed += 1))), button("Sort by class", () => view.sortByClass()));
}

/** A button for a room full of people: the whole screen, in large type. */
export function projector() {
  const button = h("button", { type: "button", class: "projector", hidden: !document.fullscreenEnabled }, "Full screen");
  button.addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else (button.closest(".explorer") ?? document.documentElement).requestFullscreen();
  });
  document.addEventListener("fullscreenchange", () => {
    button.textContent = document.fullscreenElement ? "Leave full screen" : "Full screen";
  });
  return button;
}

/** An element that is made anew when what it needs changes; a pressed button keeps the focus. */
export function live(view, needs, make) {
  const box = h("div", { class: "live" });
  const draw = () => redrawn(box, () => box.replaceChildren(make()));
  return follow(view, box, draw, needs, { first: true });
}

/** A part of a page under a heading. */
export function section(id, title, content) {
  return h("section", { id }, h("h2", {}, title), content);
}
