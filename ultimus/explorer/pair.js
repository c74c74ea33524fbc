/** The same pictures under the weights of two runs, side by side: one choice holds for both. */

import { best } from "./company.js";
import { h, percent } from "./dom.js";
import * as images from "./look.js";
import { PASSES } from "./network.js";
import { follow } from "./parts.js";
import * as patches from "./patches.js";
import { PATCH_CHOICES } from "./view.js";

const SHARED = new Set(["cell", ...Object.values(PATCH_CHOICES).map(([field]) => field)]);

/** Let what is chosen in one of two views be chosen in the other: all but the step of training. */
export function share(one, other) {
  tellOn(one, other);
  tellOn(other, one);
}

function tellOn(from, to) {
  from.listen((changed) => {
    const shared = changed.filter((name) => SHARED.has(name));
    to.set(Object.fromEntries(shared.map((name) => [name, from[name]])));
  });
}

/**
 * Both, a column each, under one bar of choices.
 *
 * @param views two that share what is chosen.
 * @param names of their runs.
 * @param more elements for the first column.
 */
export function lookAtBoth(views, names, colors, ...more) {
  const { bar, inside } = views[0].isOne ? patches : images;
  const column = (view, n) =>
    h("section", { "aria-label": names[n] },
      h("h2", { title: names[n] }, names[n]), said(view), ...inside(view, colors, ...(n ? [] : more))); // prettier-ignore
  return h("div", { class: "look" }, bar(views[0]), h("div", { class: "both" }, ...views.map(column)));
}

/** What the selected picture is taken for, before any pass and in the end, and how many are right. */
function said(view) {
  const sentence = h("p", { class: "said" });
  return follow(view, sentence, () => sentence.replaceChildren(...told(view)), ["index", "members", "cell"], { first: true });
}

function told(view) {
  const [place] = view.cell;
  const label = view.label(place);
  const answers = view.answers(place);
  const spoken = (answer) => [h("b", {}, view.scene.classes[best(answer)]), " (", percent(Math.max(...answer)), ")"];
  const verdict = label === null ? "" : best(answers.at(-1)) === label ? ", correct" : ", wrong";
  return [
    `At step ${view.snapshot.step.toLocaleString("en")} `, h("b", { class: "q" }, view.whose(place)), " is taken for ", ...spoken(answers[0]), " before any pass, for ",
    ...spoken(answers.at(-1)), ` after ${PASSES}${verdict}. `, view.isOne ? "" : rightOnes(view),
  ]; // prettier-ignore
}

function rightOnes(view) {
  const known = view.places.filter((place) => view.label(place) !== null);
  const right = known.filter((place) => best(view.answers(place).at(-1)) === view.label(place));
  return `Right in this group: ${right.length} of ${known.length}.`;
}
