/** Words that say what they mean: pressed, a word of the glossary has its meaning behind it. */

import { h } from "./dom.js";

/** Let the words inside of an element be pressed; their meaning is in their titles. */
export function explain(root) {
  root.addEventListener("click", ({ target }) => {
    const word = target.closest(".term");
    if (word) toggle(word);
  });
}

function toggle(word) {
  const isOpen = word.getAttribute("aria-expanded") === "true";
  word.setAttribute("aria-expanded", !isOpen);
  if (isOpen) word.nextElementSibling.remove();
  else word.after(h("span", { class: "meaning", role: "note" }, word.title));
}
