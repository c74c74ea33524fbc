/** A run looked into: matrix or lines with time below, the walk beside, and what follows from it. */

import { choice, h } from "./dom.js";
import { live, passes, projector } from "./hero.js";
import { ringOnly } from "./lines.js";
import { figures, matrix } from "./matrix.js";
import { company, leaving, otherwise } from "./others.js";
import { overview } from "./overview.js";
import { passByPass } from "./passes.js";
import { scrubber } from "./scrubber.js";
import { shares } from "./shares.js";
import { story } from "./story.js";
import { vectors } from "./vectors.js";
import { SHOWS, TABS } from "./view.js";

const DRAWN = { matrix: "Matrix", lines: "Lines" };
const INSIDE = {
  passes: (view, colors) => [passByPass(view, colors)],
  company: (view, colors) => [leaving(view), company(view, colors)],
  ablations: (view, colors) => [otherwise(view, colors)],
};

/** All of it; more elements, under the shares, come from whoever asks for it. */
export function look(view, colors, ...more) {
  return h("div", { class: "look" }, bar(view), ...inside(view, colors, ...more));
}

/** What is chosen for all of it. */
export function bar(view) {
  return h("div", { class: "bar" }, passes(view), shows(view), drawn(view), projector());
}

/** What follows from it. */
export function inside(view, colors, ...more) {
  return [
    h("div", { class: "beside" },
      h("div", {}, stage(view, { matrix: () => matrix(view, colors), lines: () => ringOnly(view, colors) }), scrubber(view), overview(view, colors), figures(view)),
      h("div", {}, story(view, colors), shares(view), ...more)),
    h("h2", {}, "Queries, keys, values"), vectors(view, colors),
    tabs(view, colors, INSIDE),
  ]; // prettier-ignore
}

/** The choice of what the matrix shows. */
export function shows(view) {
  return live(view, ["show"], () => choice("Show", SHOWS, view.show, (show) => view.set({ show })));
}

/** The choice between the two forms. */
export function drawn(view) {
  return live(view, ["as"], () => choice("As", DRAWN, view.as, (as) => view.set({ as })));
}

/** The matrix or the lines; each is made, by the function of its name, when it is first asked for. */
export function stage(view, forms) {
  const drawn = {};
  return live(view, ["as"], () => (drawn[view.as] ??= forms[view.as]()));
}

/** What follows for the selected picture, a tab for each of what is inside. */
export function tabs(view, colors, inside) {
  const names = Object.fromEntries(Object.keys(inside).map((name) => [name, TABS[name]]));
  const open = () => (view.tab in inside ? view.tab : "passes");
  const box = h("div", { class: "tab" });
  const draw = () => box.replaceChildren(...inside[open()](view, colors));
  draw();
  view.listen((changed) => changed.includes("tab") && draw());
  const choices = live(view, ["tab"], () => choice("More about the selected picture", names, open(), (tab) => view.set({ tab })));
  return h("div", { class: "tabs" }, choices, box);
}
