/** The page in a file of a run whose tokens are patches: its view, and its sections from top to bottom. */

import { h } from "./dom.js";
import { passes, section } from "./hero.js";
import { shows } from "./look.js";
import { leaving, otherwise } from "./others.js";
import { own } from "./own.js";
import { PatchView } from "./patch_view.js";
import { passByPass } from "./passes.js";
import { beside, heats, unpackPatches } from "./patches.js";
import { vectors } from "./vectors.js";

export const NAMES = { look: "Attention", vectors: "Vectors", others: "What if?", yours: "Your picture", training: "Training" };

export function viewOf(packed, link) {
  return new PatchView(unpackPatches(packed), link);
}

export function sections(view, colors) {
  return [
    h("section", { class: "hero" },
      h("h1", {}, "The patches of a picture look at each other before it is named."),
      h("p", { class: "lead" }, `A network with as many weights as the notebook's, trained anew and used as a vision transformer uses attention: a picture is ${view.grid} × ${view.grid} patches, and no other picture has a part in its answer. Point at a patch: what it looks at stays bright, in each of four passes.`),
      heats(view)),
    section("look", "Which patch looks at which", h("div", {}, h("div", { class: "bar" }, passes(view), shows(view)), beside(view, colors))),
    section("vectors", "Queries, keys, values", vectors(view, colors)),
    section("others", "What if?", h("div", { class: "others" }, otherwise(view, colors), leaving(view), passByPass(view, colors))),
    section("yours", "Your picture", own(view)),
  ]; // prettier-ignore
}
