/** The page in a file: what it says from top to bottom, and the link that keeps what is shown. */

import { Colors } from "./colors.js";
import { curves } from "./curves.js";
import { choice, h, isStill } from "./dom.js";
import { drawing } from "./drawing.js";
import { hero, live, passes, section } from "./hero.js";
import { LessonPanel } from "./lesson.js";
import { figures, matrix } from "./matrix.js";
import { others } from "./others.js";
import { overview } from "./overview.js";
import { own } from "./own.js";
import * as patches from "./patches_page.js";
import { range } from "./range.js";
import { unpack } from "./scene.js";
import { scrubber } from "./scrubber.js";
import { shares } from "./shares.js";
import { story } from "./story.js";
import { vectors } from "./vectors.js";
import { SHOWS, View } from "./view.js";

const NAMES = { network: "Network", look: "Attention", vectors: "Vectors", others: "What if?", yours: "Your picture", training: "Training" };
const SCRUBBED = new Set(["index"]);
const UNLINKED = new Set(["colors"]);

/**
 * Build the page of a packed scene in an element.
 *
 * @param lesson runs beside it, if there is one.
 * @param others packed scenes of other runs, of which cards of the lesson speak.
 */
export function build(root, packed, lesson = null, others = []) {
  const file = new PageInAFile(root, packed);
  if (lesson) teach(file, [packed, ...others], lesson);
}

/** What shows one scene at a time. */
class PageInAFile {
  constructor(root, packed) {
    this.root = root;
    this.theme = new Theme(packed.colors, () => this.view.tell(["colors"]));
    this.signs = []; // more at its top
    this.training = h("div");
    this.open(packed, linked());
  }

  /** Show a scene as a link says it. */
  open(packed, link) {
    const kind = packed.grid ? patches : { NAMES, viewOf, sections };
    this.packed = packed;
    this.view = kind.viewOf(packed, link);
    this.root.replaceChildren(
      top(this.theme, kind.NAMES, this.signs),
      ...kind.sections(this.view, () => this.theme.colors),
      section("training", "How it learned", h("div", {}, this.training, about(this.view))),
    );
    this.train(this.view.scene.curves);
    this.forgetLink?.();
    this.forgetLink = keepLink(this.view);
  }

  /** Draw how a run was trained: another one than the page's own is named. */
  train(told, run = "", log = null) {
    const isOther = run && run !== this.packed.run.id;
    this.training.replaceChildren(isOther ? h("p", { class: "note" }, `The run ${run}:`) : "", curves(told, log));
  }
}

function viewOf(packed, link) {
  return new View(unpack(packed), link);
}

function sections(view, colors) {
  return [
    hero(view, colors),
    section("network", "From a picture to its answer", drawing(view, colors, scrollTo)),
    section("look", "Who looks at whom", look(view, colors)),
    section("vectors", "Queries, keys, values", vectors(view, colors)),
    section("others", "What if?", others(view, colors)),
    section("yours", "Your picture", own(view)),
  ];
}

function top(theme, names, signs) {
  return h("header", { class: "top" }, h("a", { href: "#", class: "brand" }, "Ultimus"),
    h("nav", {}, ...Object.entries(names).map(([id, name]) =>
      h("a", { href: `#${id}`, click: (event) => { event.preventDefault(); scrollTo(id); } }, name))),
    theme.button, ...signs); // prettier-ignore
}

function scrollTo(id) {
  document.getElementById(id).scrollIntoView({ behavior: isStill() ? "auto" : "smooth" });
}

function look(view, colors) {
  const shows = live(view, ["show"], () => choice("Show", SHOWS, view.show, (show) => view.set({ show })));
  return h("div", {},
    h("div", { class: "bar" }, passes(view), shows),
    h("div", { class: "beside" },
      h("div", {}, matrix(view, colors), scrubber(view), overview(view, colors), figures(view)),
      h("div", {}, story(view, colors), shares(view)))); // prettier-ignore
}

function about({ isOne, scene: { run, snapshots, pictures } }) {
  const honest = isOne
    ? "Where a network looks is not why it answers."
    : "Attention is not an explanation: random companions say little about a picture's class.";
  return h("p", { class: "note" },
    `The run ${run.id} (preset ${run.preset}, seed ${run.seed}): ${snapshots.length} snapshots, ${pictures.labels.length} pictures, ${run.data}. `,
    "Everything on this page is computed in your browser from the network's weights, by the same formulas as in the app; it needs no network and sends nothing. ", honest); // prettier-ignore
}

// Theme and link ----------------------------------------------------------------------------------

/** Light or dark, as the system has it until the reader says otherwise. */
class Theme {
  constructor(told, changed) {
    this.told = told;
    this.changed = changed;
    this.button = h("button", { type: "button", class: "theme", "aria-label": "Light or dark", click: () => this.use(this.name === "dark" ? "light" : "dark") }, "◐");
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.use(dark.matches ? "dark" : "light"));
    this.take(dark.matches ? "dark" : "light");
  }

  take(name) {
    this.name = name;
    document.documentElement.dataset.theme = name;
    this.colors = new Colors(this.told, name, document.documentElement);
  }

  use(name) {
    this.take(name);
    this.changed();
  }
}

/** What the address of the page says, behind its #. */
function linked() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

/** What is shown stands in the address; Back goes to what was chosen before. Returns what ends it. */
function keepLink(view) {
  let isReading = false;
  view.listen((changed) => {
    if (isReading || changed.every((name) => UNLINKED.has(name))) return;
    const address = `#${new URLSearchParams(view.link())}`;
    const isPassing = changed.includes("pointed") || changed.every((name) => SCRUBBED.has(name));
    history[isPassing ? "replaceState" : "pushState"](null, "", address);
  });
  const back = () => {
    isReading = true;
    view.read(linked());
    isReading = false;
  };
  addEventListener("popstate", back);
  return () => removeEventListener("popstate", back);
}

// A lesson ----------------------------------------------------------------------------------------

const SECTIONS = { look: "page", train: "training", lab: "training", predict: "yours" };

/** The cards of a lesson beside the page, which shows what each card says of the app's pages. */
function teach(file, scenes, lesson) {
  const box = h("div");
  const again = h("button", { type: "button", hidden: true, click: () => open() }, "Lesson");
  const shown = `ultimus-lesson ${lesson.name} at`;
  const show = (card, isRevealed) => {
    sessionStorage.setItem(shown, card);
    const { page, link, reveal, isInFile } = lesson.cards[card];
    document.body.classList.toggle("alone", !isInFile);
    if (!isInFile) return;
    const said = isRevealed ? reveal.link : link;
    const packed = scenes.find(({ run }) => run.id === said.run) ?? scenes[0];
    if (page === "attention" && packed !== file.packed) file.open(packed, said);
    else if (page === "attention") file.view.read(said);
    else {
      if (page === "train") file.train(lesson.trained[said.run], said.run, said.seed_run === "false" ? null : lesson.notebook);
      if (page === "lab") file.training.replaceChildren(range(lesson.range));
      scrollTo(SECTIONS[page]);
    }
  };
  const close = () => {
    box.replaceChildren();
    document.body.classList.remove("taught", "alone");
    again.hidden = false;
    again.focus();
  };
  const open = () => {
    again.hidden = true;
    document.body.classList.add("taught");
    const card = Number(sessionStorage.getItem(shown) ?? 0);
    new LessonPanel(box, lesson, card, { go: show, close, isInFile: true });
    show(card, false);
  };
  file.root.before(box);
  file.signs.push(again);
  file.root.querySelector(".top").append(again);
  open();
}
