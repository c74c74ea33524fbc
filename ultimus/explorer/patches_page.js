/** The page in a file of a run whose tokens are patches. */

import { curves } from "./curves.js";
import { h } from "./dom.js";
import { section } from "./hero.js";
import { Theme, linked } from "./page.js";
import { patches, unpackPatches } from "./patches.js";

/** Build the page of a packed scene in an element; returns what is chosen. */
export function build(root, packed) {
  const scene = unpackPatches(packed);
  const box = h("div", {});
  const theme = new Theme(scene.colors, () => state.set({}));
  root.replaceChildren(
    h("header", { class: "top" }, h("a", { href: "#", class: "brand" }, "Ultimus"), h("nav", {}), theme.button),
    h("section", { class: "hero" },
      h("h1", {}, "The patches of a picture look at each other before it is named."),
      h("p", { class: "lead" }, `A network with as many weights as the notebook's, trained anew and used as a vision transformer uses attention: a picture is ${scene.grid} × ${scene.grid} patches, and no other picture has a part in its answer. Point at a patch: what it looks at stays bright, in each of four passes.`),
      box),
    section("training", "How it learned", h("div", {}, curves(withEnds(scene)), about(scene)))); // prettier-ignore
  const state = patches(box, scene, () => theme.name, linked());
  state.listen(() => history.replaceState(null, "", `#${new URLSearchParams(state.link)}`));
  return state;
}

/** Snapshots as the curves take them. */
function withEnds(scene) {
  const { steps, epochs } = scene.snapshots;
  return { ...scene, snapshots: steps.map((step, n) => ({ step, epoch: epochs[n] })) };
}

function about({ run, snapshots, pictures }) {
  return h("p", { class: "note" },
    `The run ${run.id} (preset ${run.preset}, seed ${run.seed}): ${snapshots.steps.length} snapshots, ${pictures.labels.length} pictures, ${run.data}. `,
    "Everything on this page is computed in your browser from the network's weights; it needs no network and sends nothing. Where a network looks is not why it answers."); // prettier-ignore
}
