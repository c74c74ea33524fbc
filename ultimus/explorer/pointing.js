/** What a card of a lesson speaks of is brought into view and lit up. */

const ABOVE = 76; // pixels that the top of the page takes
const MARGIN = 12; // pixels below it
const NARROW = "(max-width: 900px)";

/** What a card may point at on its page (ultimus/lessons/lesson.py), as selectors. */
const PARTS = {
  matrix: ".heats, .look .matrix, #look .matrix",
  steps: ".scrubber",
  walk: ".story",
  shares: ".shares",
  vectors: ".vectors",
  passes: ".tabs, .answers",
  company: ".tabs, article.company",
  ablations: ".tabs, article.change",
  start: ".stMain [data-testid='stBaseButton-primary']",
  loss: "[role=img][aria-label^='Loss ']:not(.course > *)",
  accuracy: "[role=img][aria-label^='Accuracy ']:not(.course > *)",
  rate: "[role=img][aria-label^='Learning rate']:not(.course > *)",
  figure: ".range [role=img], .stMain [role=img]",
  classes: "[role=img][aria-label^='Recall']",
  confusion: "[role=img][aria-label^='Confusion']",
  sure: "[role=img][aria-label^='Calibration']",
};
const LOOK_EVERY = 100; // milliseconds between looks for a part that is not there yet
const LOOKS = 100;
const SETTLES = 15; // looks at one that is there, while what is above it may still grow
const LIT = 1800; // milliseconds

let looking = 0;

/** Bring what a card speaks of into view, as soon as it is there, and light it up. */
export function bring(part) {
  clearTimeout(looking);
  if (PARTS[part]) seek(PARTS[part], LOOKS);
}

function seek(selector, looks, lit = null) {
  const found = fitting(firstShown(document, selector));
  if (found) show(found);
  if (found && found !== lit) {
    light(found);
    for (const event of ["wheel", "touchmove", "pointerdown"]) addEventListener(event, () => clearTimeout(looking), { once: true });
  }
  const left = found && !lit ? SETTLES : looks - 1;
  if (left) looking = setTimeout(seek, LOOK_EVERY, selector, left, found ?? lit);
}

/** Of what is taller than the window, the first of the pieces that it holds. */
function fitting(element) {
  const isTall = element && element.getBoundingClientRect().height > lowest() - ABOVE;
  return (isTall && element.querySelector("article")) || element;
}

/** Scroll as far as it takes. */
function show(element) {
  const { top, bottom } = element.getBoundingClientRect();
  const end = lowest();
  const fits = bottom - top < end - ABOVE;
  element.style.scrollMargin = `${ABOVE}px 0 ${innerHeight - end + MARGIN}px`;
  if (top >= ABOVE - 1 && (bottom <= end || (!fits && top < ABOVE + MARGIN))) return;
  element.scrollIntoView({ block: fits && top > ABOVE ? "end" : "start" }); // what stands above stays
}

function light(element) {
  const outline = (color) => ({ outline: `3px solid ${color}`, outlineOffset: "4px" });
  element.animate([outline("#0072b2"), outline("transparent")], { duration: LIT, easing: "ease-in" });
}

/** The first of the elements that are drawn, in a document or in the shadow of a component. */
function firstShown(root, selector) {
  const here = [...root.querySelectorAll(selector)].find((element) => element.getClientRects().length);
  if (here) return here;
  for (const { shadowRoot } of root.querySelectorAll("[data-testid^=stBidiComponent], [data-testid^=stBidiComponent] *")) {
    const inside = shadowRoot && firstShown(shadowRoot, selector);
    if (inside) return inside;
  }
  return null;
}

/** Where the page ends that can be seen: on a telephone the lesson lies over its lower part. */
function lowest() {
  const panel = firstShown(document, ".lesson");
  return panel && matchMedia(NARROW).matches ? panel.getBoundingClientRect().top : innerHeight;
}
