/** The app's first page: the sentence, the pictures alive, three doors, the network as a drawing. */

import { Colors } from "./colors.js";
import { h } from "./dom.js";
import { drawing } from "./drawing.js";
import { hero, section } from "./hero.js";
import { unpack } from "./scene.js";
import { View } from "./view.js";

const DOORS = {
  Attention: ["See it", "Every number of who looks at whom."],
  Train: ["Train it", "Watch a network learn, live."],
  Predict: ["Your picture", "What does it say about your photo?"],
};
const PLACES = { yours: "Predict", vectors: "Attention", look: "Attention", training: "Train" };

/**
 * Build the page in an element.
 *
 * @param open called with the name of a page of the app.
 * @returns a function that takes the theme anew, "light" or "dark".
 */
export function build(root, packed, open, theme) {
  const view = new View(unpack(packed));
  const shown = { colors: null };
  const dress = (name) => {
    root.dataset.theme = name;
    shown.colors = new Colors(packed.colors, name);
    view.tell(["colors"]);
  };
  dress(theme);
  const colors = () => shown.colors;
  root.replaceChildren(
    hero(view, colors),
    doors(open),
    section("network", "From a picture to its answer", drawing(view, colors, (place) => open(PLACES[place]))),
  );
  return dress;
}

function doors(open) {
  return h("nav", { class: "three" },
    ...Object.entries(DOORS).map(([page, [name, about]]) =>
      h("button", { type: "button", click: () => open(page) }, h("strong", {}, name), h("span", {}, about)))); // prettier-ignore
}
