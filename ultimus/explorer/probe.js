/**
 * The probe group of a run for those who watch it train: who looks at whom, and what each picture is
 * taken for, by the newest weights.
 *
 * Newer weights change the drawing in place; what is chosen stays.
 */

import { Colors } from "./colors.js";
import { best } from "./company.js";
import { h, percent, rounded } from "./dom.js";
import { live, passes } from "./hero.js";
import { SMALL, ringOnly } from "./lines.js";
import { drawn, stage } from "./look.js";
import { figures, matrix } from "./matrix.js";
import { PatchView } from "./patch_view.js";
import { maps } from "./patches.js";
import { follow } from "./parts.js";
import { address } from "./pictures.js";
import { fetchScene, followRun } from "./served.js";
import { LIVE, View } from "./view.js";

const AGAIN = 1000; // milliseconds until a run that has no weights yet is asked again
const TITLE = "The probe group";

export class Probe {
  /** @param open called with the link of what is shown, to be looked at more closely. */
  constructor(root, open) {
    Object.assign(this, { root, open, address: "", isLive: false, isSeen: false, view: null });
    this.watch = new IntersectionObserver((entries) => (this.isSeen = entries.at(-1).isIntersecting));
    this.watch.observe(root);
  }

  /** Follow a run as long as it trains, or show what became of it. */
  update({ scene, live }) {
    const isOther = scene !== this.address || (live && !this.isLive);
    this.isLive = live;
    if (!isOther) return;
    this.stop();
    if (scene !== this.address) this.view = null;
    this.address = scene;
    this.begin();
  }

  async begin() {
    const { address } = this;
    try {
      const scene = await fetchScene(new URL(address, document.baseURI));
      if (address === this.address) this.end = followRun(scene, (news) => this.hear(scene, news), () => this.isSeen);
    } catch (error) {
      if (address === this.address) this.wait(error.message);
    }
  }

  /** Say why there is nothing to see, and look again if there may be later. */
  wait(reason) {
    this.root.replaceChildren(h("h3", {}, TITLE), h("p", { class: "note" }, reason));
    this.root.removeAttribute("aria-busy");
    if (this.isLive) this.timer = setTimeout(() => this.begin(), AGAIN);
  }

  /** Newer weights, or that the run trains no longer. */
  async hear(scene, news) {
    const last = scene.snapshots.length - 1;
    if (news.ended) await scene.snapshots[last].load();
    if (news.ended && !this.isLive) this.end();
    const index = news.ended ? last : LIVE;
    if (this.view?.scene !== scene) this.draw(scene);
    else if (this.view.index === index) this.view.renew();
    else this.view.set({ index });
  }

  draw(scene) {
    const members = scene.pictures.labels.map((_, n) => n);
    const { pass, as, cell } = this.view ?? {};
    this.view = new (scene.grid ? PatchView : View)(scene, { step: scene.live ? "follow" : "" }, { members });
    if (cell) Object.assign(this.view, { pass, as, cell });
    this.dress(this.theme);
    this.root.replaceChildren(...all(this.view, () => this.colors, () => this.open(linkOf(this.view))));
    this.root.removeAttribute("aria-busy");
  }

  dress(theme) {
    this.theme = theme;
    this.root.dataset.theme = theme;
    if (!this.view) return;
    this.colors = new Colors(this.view.scene.colors, theme, this.root);
    this.view.tell(["colors"]);
  }

  stop() {
    clearTimeout(this.timer);
    this.end?.();
  }

  leave() {
    this.stop();
    this.watch.disconnect();
  }
}

/** What is shown as a link of the Attention page, which knows the pictures by their numbers. */
function linkOf(view) {
  return { ...view.link(), images: view.scene.numbers.join(",") };
}

function all(view, colors, look) {
  const closer = h("button", { type: "button", class: "closer", click: look }, "Look closer");
  const choices = view.isOne ? [] : [passes(view), drawn(view)];
  return [
    h("div", { class: "top" }, h("h3", {}, TITLE), closer),
    h("div", { class: "bar" }, ...choices),
    h("div", { class: "probe" }, view.isOne ? maps(view) : attention(view, colors), verdicts(view)),
  ];
}

function attention(view, colors) {
  const forms = { matrix: () => matrix(view, colors), lines: () => ringOnly(view, colors, SMALL) };
  return h("div", { class: "drawn" }, stage(view, forms), figures(view));
}

/** What each picture is taken for; a press chooses it. */
function verdicts(view) {
  const count = h("p", {});
  const faces = h("div", { class: "verdicts" });
  const draw = (changed) => {
    const { said } = view;
    if (changed.has("members")) faces.replaceChildren(...said.map(({ pixels }, n) => face(pixels, () => view.choose(n))));
    said.forEach((one, n) => judge(faces.children[n], one, view.scene.classes));
    const { length } = said.filter(({ label, answer }) => best(answer) === label);
    count.replaceChildren(h("b", {}, h("data", { value: length }, `${length} of ${said.length}`)), " pictures are classified correctly.");
  };
  const step = live(view, ["index"], () => h("p", { class: "note" }, about(view)));
  return h("div", { class: "judged" }, follow(view, h("div", {}, count, faces), draw, ["index", "members"], { first: true }), step);
}

function face(pixels, click) {
  return h("button", { type: "button", click }, h("img", { src: address(pixels), alt: "" }), h("span", {}), h("small", {}));
}

function judge(button, { label, answer }, classes) {
  const top = best(answer);
  const [, name, share] = button.children;
  button.className = top === label ? "right" : "wrong";
  button.title = `${classes[label]}, classified as ${classes[top]}`;
  name.textContent = `${top === label ? "✓" : "✗"} ${classes[top]}`;
  share.replaceChildren(percent(answer[top]));
}

function about({ snapshot: { step, epoch }, scene: { note } }) {
  return `Step ${step.toLocaleString("en")}, epoch ${rounded(epoch, 1)}. ${note || "Always the same test pictures."}`;
}
