/** The app's first page: the sentence, the pictures alive, three doors, the network as a drawing. */

import { Colors } from "./colors.js";
import { h } from "./dom.js";
import { drawing } from "./drawing.js";
import { hero, section } from "./hero.js";
import { isFinished } from "./lesson.js";
import { PatchView } from "./patch_view.js";
import { heats, said, unpackPatches } from "./patches.js";
import { unpack } from "./scene.js";
import { View } from "./view.js";

const DOORS = {
  Attention: ["See it", "Who looks at whom, in numbers."],
  Train: ["Train it", "Watch a network learn, live."],
  Predict: ["Your picture", "What does it say of yours?"],
};
const PLACES = { yours: "Predict", vectors: "Attention", look: "Attention", training: "Train" };

/**
 * Build the page in an element.
 *
 * @param lessons what there is to choose from; why one cannot be used where it has a problem.
 * @param choose called with "open" and the name of a page of the app, or "lesson" and that of one.
 * @returns a function that takes the theme anew, "light" or "dark".
 */
export function build(root, packed, lessons, choose, theme) {
  const open = (page) => choose("open", page);
  const start = (lesson) => choose("lesson", lesson);
  const view = new View(unpack(packed));
  const shown = { colors: null };
  const dress = (name) => {
    root.dataset.theme = name;
    shown.colors = new Colors(packed.colors, name, root);
    view.tell(["colors"]);
  };
  dress(theme);
  const colors = () => shown.colors;
  root.replaceChildren(
    hero(view, colors),
    doors(lessons, open, start),
    lessons.length ? section("lessons", "Lessons", shelf(lessons, start)) : "",
    section("network", "From a picture to its answer", drawing(view, colors, (place) => open(PLACES[place]))),
    ...(packed.patches ? [section("patches", "The same number of weights, trained on the patches of one picture", inside(view, packed.patches, colors))] : []),
  );
  return dress;
}

/** The run whose tokens are patches, fetched once a reader comes near it. */
function inside(view, address, colors) {
  const box = h("div", {});
  const near = new IntersectionObserver(async ([entry]) => {
    if (!entry.isIntersecting) return;
    near.disconnect();
    const answer = await fetch(new URL(address, document.baseURI));
    if (!answer.ok) return box.replaceChildren(await answer.text());
    const patches = new PatchView(unpackPatches(await answer.json()));
    box.replaceChildren(heats(patches), said(patches, colors));
    view.listen((changed) => changed.includes("colors") && patches.tell(["colors"]));
  }, { rootMargin: "400px" }); // prettier-ignore
  near.observe(box);
  const about = "Here a picture is a group by itself, as in a vision transformer: what the selected patch looks at stays bright. Point at another patch.";
  return h("div", {}, h("p", { class: "lead" }, about), box);
}

function doors(lessons, open, start) {
  const first = lessons.find(({ problem }) => !problem);
  return h("nav", { class: "three" },
    first && door("Start with a lesson", `Guess, then see. ${first.minutes} minutes.`, () => start(first.name), "primary"),
    ...Object.entries(DOORS).map(([page, [name, about]]) => door(name, about, () => open(page)))); // prettier-ignore
}

function door(name, about, click, kind = null) {
  return h("button", { type: "button", class: kind, click }, h("strong", {}, name), h("span", {}, about));
}

function shelf(lessons, start) {
  return h("div", { class: "shelf" },
    ...lessons.map(({ name, title, about, minutes, problem }) =>
      problem ? h("p", { class: "problem" }, problem) : door(`${title} · ${isFinished(name) ? "✓ finished" : `${minutes} min`}`, about, () => start(name)))); // prettier-ignore
}
