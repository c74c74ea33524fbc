/** All passes side by side: a small matrix of each, of which a press chooses one. */

import { extent } from "./colors.js";
import { h } from "./dom.js";
import { paint } from "./matrix.js";
import { follow } from "./parts.js";

/** The overview; returns the element. */
export function overview(view, colors) {
  const passes = view.trace.passes.map((_, n) => n + 1);
  const canvases = passes.map(() => h("canvas", {}));
  const buttons = passes.map((pass, n) =>
    h("button", { type: "button", "aria-label": `Look at pass ${pass}`, click: () => view.set({ pass }) }, canvases[n], `pass ${pass}`));
  const draw = () => {
    const all = view.trace.passes.map((pass) => pass[view.show]);
    const top = view.show === "weights" && !view.isFitted ? 1 : extent(...all);
    canvases.forEach((canvas, n) => paint(canvas, view, colors(), all[n], top, 1));
    buttons.forEach((button, n) => button.setAttribute("aria-pressed", passes[n] === view.pass));
  };
  const box = h("div", { class: "overview", role: "group", "aria-label": "All passes, on one scale" }, ...buttons);
  return follow(view, box, draw, ["index", "members", "pass", "show", "isFitted"]);
} // prettier-ignore
