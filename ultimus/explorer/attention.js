/**
 * The Attention page of the app: what its script tells, and what its reader chooses.
 *
 * The script says which run and group; all else is chosen here, and needs no server. The address
 * carries both: the script writes its part, this page its own, and Back goes to what was chosen
 * before. Where a second run stands beside, it is another view, which has a step of its own.
 */

import { Colors } from "./colors.js";
import { h } from "./dom.js";
import { look } from "./look.js";
import { lookAtBoth, share } from "./pair.js";
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
    Object.assign(this, { root, send, theme: "light", views: [], endings: [], opened: {}, turn: 0, reported: "" });
    this.path = location.pathname;
    this.back = () => this.goBack();
    addEventListener("popstate", this.back);
  }

  /** What is chosen, and what of the run beside it, if there is one. */
  get view() {
    return this.views[0] ?? null;
  }

  get other() {
    return this.views[1] ?? null;
  }

  /** Show what the script tells; of several the last. */
  async update(told) {
    const turn = (this.turn += 1);
    this.told = told;
    try {
      const opened = { group: groupOf(told), other: told.other?.scene };
      const isOther = opened.group !== this.opened.group || opened.other !== this.opened.other;
      if (isOther) await this.open(told, opened, () => turn === this.turn);
      else await this.choose(told);
    } catch (error) {
      if (turn === this.turn) this.fail(error);
    }
  }

  async open(told, opened, isCurrent) {
    this.wentBack = false;
    const link = this.linkFor(told, opened);
    const sides = await Promise.all([
      this.fetchSide(told, told.members, link.step),
      told.other && this.fetchSide(told.other, told.members, link.with_step),
    ]);
    const endings = sides.map((side) => side?.ending).filter(Boolean);
    if (!isCurrent()) return endings.forEach((end) => end());
    this.opened = opened;
    this.stopFollowing();
    this.endings = endings;
    this.begin(...this.viewsOf(told, link, sides));
  }

  /** A run's scene with the step that a link names, and what ends following the run. */
  async fetchSide({ scene: address, live }, members, step) {
    const scene = await fetchScene(new URL(address, document.baseURI));
    const ending = live ? await this.startFollowing(scene) : null;
    await ready({ scene, members }, step);
    return { scene, ending };
  }

  /** What is looked at, and the same with the weights of the other run. */
  viewsOf(told, link, [{ scene }, other]) {
    const own = told.own.map(({ name, pixels }) => ({ name, pixels: bytes(pixels) }));
    const group = { own, members: told.members, tells: told.picked ? ofTheFirst : ofTheStrongest };
    const Kind = scene.grid ? PatchView : View;
    const view = new Kind(scene, link, group);
    return other ? [view, new Kind(other.scene, { ...view.link(), step: link.with_step }, group)] : [view];
  }

  /** Draw one view, or two, in the place of the former ones. */
  begin(view, other) {
    this.views = other ? [view, other] : [view];
    this.colors = new Colors(view.scene.colors, this.theme, this.root);
    view.listen((changed) => this.changed(changed));
    if (other) {
      share(view, other);
      other.listen((changed) => changed.includes("index") && !this.isReading && this.write("replaceState"));
    }
    this.root.replaceChildren(this.drawn());
    this.root.removeAttribute("aria-busy");
    this.said = JSON.stringify(this.told.chosen);
    this.lastTurn = this.told.turn;
    this.reported = view.link().step;
    this.write("replaceState");
  }

  drawn() {
    const { view, other, told } = this;
    const swap = h("button", { type: "button", class: "swap", disabled: told.complete, click: () => this.swap() }, "Put another picture in its place");
    const colors = () => this.colors;
    if (other) return lookAtBoth(this.views, [told.name, told.other.name], colors, ...(view.isOne ? [] : [swap]));
    return view.isOne ? lookAtPatches(view, colors) : look(view, colors, swap);
  }

  /** The choices of all views, as a link holds them. */
  link() {
    return { ...this.view.link(), ...(this.other && { with_step: this.other.link().step }) };
  }

  /** What a link says when a group is opened: the script's word, or what was looked at before. */
  linkFor(told, { group, other }) {
    const said = JSON.stringify([told.chosen, told.turn]);
    if (said !== remembered.told) {
      remembered.told = said;
      return told.chosen;
    }
    const { cell, picture, ...link } = this.view ? this.link() : remembered.link ?? told.chosen;
    if (this.view && other !== this.opened.other) link.with_step = "follow";
    const isSame = !this.view || this.isSwapping || group === this.opened.group;
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
    this.reported = chosen.step; // or what is told later of the step before would pass for an echo
    const step = isEcho ? this.view.link().step : chosen.step;
    await this.read({ ...this.link(), ...(isLink ? chosen : {}), step });
    this.write("replaceState");
  }

  /** Look at what a link says, once its steps are here; of several the last. */
  async read(link) {
    const steps = [link.step, link.with_step];
    this.linked = link;
    await Promise.all(this.views.map((view, n) => view.fetch(view.at(indexOf(view.scene, steps[n])))));
    if (this.linked !== link) return;
    this.isReading = true;
    this.view.read(link);
    this.other?.read({ ...this.view.link(), step: link.with_step });
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
    const { images, ...link } = this.link();
    remembered.link = { images, ...link };
    if (location.pathname !== this.path) return; // another page's, opened meanwhile
    const address = new URL(location.href);
    Object.entries({ with_step: "", ...link }).forEach(([name, value]) => {
      if (value === (DEFAULTS[name] ?? "")) address.searchParams.delete(name);
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
        const view = this.views.find((one) => one.scene === scene);
        if (news.ended) this.end(scene, view, end);
        else if (view) follow(view);
        resolve(end);
      });
    });
  }

  /** The run of a scene trains no longer. */
  async end(scene, view, stop) {
    stop();
    if (!view) return;
    if (view.index === LIVE) await view.seek(scene.snapshots.length - 1);
    scene.live = null;
    view.tell(["index"]);
    this.send("again", true);
  }

  stopFollowing() {
    this.endings.forEach((end) => end());
    this.endings = [];
  }

  dress(theme) {
    this.theme = theme;
    this.root.dataset.theme = theme;
    if (!this.view) return;
    this.colors = new Colors(this.view.scene.colors, theme, this.root);
    this.views.forEach((view) => view.tell(["colors"]));
  }

  fail(error) {
    this.root.removeAttribute("aria-busy");
    this.root.prepend(h("p", { class: "problem", role: "alert" }, error.message));
  }

  /** The reader has gone to another page. */
  leave() {
    removeEventListener("popstate", this.back);
    this.stopFollowing();
    clearTimeout(this.reporting);
  }
}

/** Which pictures the script tells of. */
function groupOf({ scene, members, own }) {
  return JSON.stringify([scene, members, own]);
}

function follow(view) {
  if (view.index === LIVE) view.renew();
  else view.tell(["index"]); // the slider is longer
}

function ofTheFirst(view) {
  return view.favourite(0);
}

function ofTheStrongest(view) {
  return view.strongest();
}

/** Have the step that a link names, or the last one, before it is drawn. */
function ready({ scene, members }, named) {
  const at = indexOf(scene, named);
  const step = at === LIVE ? scene.live : scene.snapshots[at];
  const hasOwn = members.some((member) => member >= scene.pictures.labels.length);
  return Promise.all([step.load(), hasOwn && step.loadWhole()]);
}
