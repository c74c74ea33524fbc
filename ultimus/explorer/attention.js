/**
 * The Attention page of the app: what its script tells, and what its reader chooses.
 *
 * The script says which run and group; all else is chosen here, and needs no server. The address
 * carries both: the script writes its part, this page its own, and Back goes to what was chosen
 * before.
 */

import { Colors } from "./colors.js";
import { h } from "./dom.js";
import { look } from "./look.js";
import { PatchView } from "./patch_view.js";
import { lookAtPatches } from "./patches.js";
import { bytes } from "./scene.js";
import { fetchScene, followRun } from "./served.js";
import { DEFAULTS, LIVE, View, indexOf } from "./view.js";

const REPORTED = 500; // milliseconds that a step is looked at until the script is told
const TOGETHER = 1000; // milliseconds: cells that are chosen within count as one choice
const PASSING = new Set(["index", "colors"]); // changes that Back does not go through

/** What was looked at last, for when the reader comes back from another page of the app. */
const remembered = { told: "", link: null };

export class AttentionPage {
  /**
   * @param send called with a name and a value: "step", what is looked at; "swap", a place of the
   *   group; "again", when the script has to look again.
   */
  constructor(root, send) {
    Object.assign(this, { root, send, theme: "light", view: null, opened: "", turn: 0, reported: "" });
    this.path = location.pathname;
    this.back = () => this.goBack();
    addEventListener("popstate", this.back);
  }

  /** Show what the script tells; of several the last. */
  async update(told) {
    const turn = (this.turn += 1);
    this.told = told;
    try {
      const group = JSON.stringify([told.scene, told.members, told.own]);
      if (group !== this.opened) await this.open(told, group, () => turn === this.turn);
      else await this.choose(told);
    } catch (error) {
      if (turn === this.turn) this.fail(error);
    }
  }

  async open(told, group, isCurrent) {
    this.wentBack = false;
    const link = this.linkFor(told);
    const scene = await fetchScene(new URL(told.scene, document.baseURI));
    const ending = told.live ? await this.startFollowing(scene) : null;
    const own = told.own.map(({ name, pixels }) => ({ name, pixels: bytes(pixels) }));
    await ready({ scene, members: told.members }, link);
    if (!isCurrent()) return ending?.();
    this.opened = group;
    this.stopFollowing?.();
    this.stopFollowing = ending;
    const Kind = scene.grid ? PatchView : View;
    this.begin(new Kind(scene, link, { own, members: told.members, tells: told.picked ? ofTheFirst : ofTheStrongest }));
  }

  /** Draw a view in the place of the former one. */
  begin(view) {
    this.view = view;
    this.colors = new Colors(view.scene.colors, this.theme, this.root);
    view.listen((changed) => this.changed(changed));
    const swap = h("button", { type: "button", class: "swap", disabled: this.told.complete, click: () => this.swap() }, "Put another picture in its place");
    const colors = () => this.colors;
    this.root.replaceChildren(view.isOne ? lookAtPatches(view, colors) : look(view, colors, swap));
    this.root.removeAttribute("aria-busy");
    this.said = JSON.stringify(this.told.chosen);
    this.lastTurn = this.told.turn;
    this.reported = view.link().step;
    this.write("replaceState");
  }

  /** What a link says when a group is opened: the script's word, or what was looked at before. */
  linkFor(told) {
    const said = JSON.stringify([told.chosen, told.turn]);
    if (said !== remembered.told) {
      remembered.told = said;
      return told.chosen;
    }
    const { cell, picture, ...link } = this.view?.link() ?? remembered.link ?? told.chosen;
    const isSame = !this.view || this.isSwapping;
    this.isSwapping = false;
    return isSame ? { ...link, cell, picture } : link;
  }

  /**
   * The script makes choices for the reader: all of them where a link was followed, else the step
   * alone. What it knows of the others is from the last link, and has changed here since.
   */
  async choose({ chosen, turn }) {
    const said = JSON.stringify(chosen);
    const isLink = turn !== this.lastTurn;
    if (said === this.said && !isLink) return;
    this.said = said;
    this.lastTurn = turn;
    remembered.told = JSON.stringify([chosen, turn]);
    if (this.wentBack) return void (this.wentBack = false); // as it has been read
    const isEcho = chosen.step === this.reported; // of what was told to the script
    if (isEcho && !isLink) return;
    const step = isEcho ? this.view.link().step : chosen.step;
    await this.read({ ...this.view.link(), ...(isLink ? chosen : {}), step });
    this.write("replaceState");
  }

  /** Look at what a link says, once its step is here; of several the last. */
  async read(link) {
    const { view } = this;
    this.linked = link;
    await view.fetch(view.at(indexOf(view.scene, link.step)));
    if (this.linked !== link) return;
    this.isReading = true;
    view.read(link);
    this.isReading = false;
  }

  changed(changed) {
    if (this.isReading || changed.every((name) => name === "colors")) return;
    const isPassing = changed.includes("pointed") || changed.every((name) => PASSING.has(name)) || this.isTogether(changed);
    this.write(isPassing ? "replaceState" : "pushState");
    if (changed.includes("index")) this.report();
  }

  isTogether(changed) {
    const since = performance.now() - (this.pressed ?? -TOGETHER);
    const isCell = changed.every((name) => name === "cell");
    if (isCell) this.pressed = performance.now();
    return isCell && since < TOGETHER;
  }

  /** Let the address say what is shown; what the script has of it stays. */
  write(how) {
    const { images, ...link } = this.view.link();
    remembered.link = { images, ...link };
    const address = new URL(location.href);
    Object.entries(link).forEach(([name, value]) => {
      if (value === DEFAULTS[name]) address.searchParams.delete(name);
      else address.searchParams.set(name, value);
    });
    if (address.href === location.href) return;
    const write = history[how].asWritten ?? history[how];
    write.call(history, history.state, "", address);
  }

  /** Tell the script which step is looked at, which other pages show too, once the reader rests. */
  report() {
    clearTimeout(this.reporting);
    this.reporting = setTimeout(() => {
      const { step } = this.view.link();
      if (step === this.reported) return;
      this.reported = step;
      this.send("step", step);
    }, REPORTED);
  }

  swap() {
    this.isSwapping = true;
    this.send("swap", this.view.cell[0]);
  }

  /** Back and Forward within this page, at once; Streamlit then runs the script, which says the same. */
  goBack() {
    if (location.pathname !== this.path || !this.view) return;
    const link = Object.fromEntries(new URLSearchParams(location.search));
    this.wentBack = true;
    this.read(link).catch((error) => this.fail(error));
  }

  /** Follow a run that trains; returns what ends it, once the newest weights are here. */
  startFollowing(scene) {
    return new Promise((resolve) => {
      const end = followRun(scene, (news) => {
        if (news.ended) this.end(scene, end);
        else if (this.view?.scene === scene) this.follow();
        resolve(end);
      });
    });
  }

  follow() {
    if (this.view.index === LIVE) this.view.renew();
    else this.view.tell(["index"]); // the slider is longer
  }

  /** The run trains no longer. */
  async end(scene, stop) {
    stop();
    if (this.view?.scene !== scene) return;
    if (this.view.index === LIVE) await this.view.seek(scene.snapshots.length - 1);
    scene.live = null;
    this.view.tell(["index"]);
    this.send("again", true);
  }

  dress(theme) {
    this.theme = theme;
    this.root.dataset.theme = theme;
    if (!this.view) return;
    this.colors = new Colors(this.view.scene.colors, theme, this.root);
    this.view.tell(["colors"]);
  }

  fail(error) {
    this.root.removeAttribute("aria-busy");
    this.root.prepend(h("p", { class: "problem", role: "alert" }, error.message));
  }

  /** The reader has gone to another page. */
  leave() {
    removeEventListener("popstate", this.back);
    this.stopFollowing?.();
    clearTimeout(this.reporting);
  }
}

function ofTheFirst(view) {
  return view.favourite(0);
}

function ofTheStrongest(view) {
  return view.strongest();
}

/** Have the step that a link names, or the last one, before it is drawn. */
function ready({ scene, members }, link) {
  const at = indexOf(scene, link.step);
  const step = at === LIVE ? scene.live : scene.snapshots[at];
  const hasOwn = members.some((member) => member >= scene.pictures.labels.length);
  return Promise.all([step.load(), hasOwn && step.loadWhole()]);
}

