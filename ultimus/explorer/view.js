/**
 * What is looked at: a snapshot, a group of pictures, a pass and a cell, and all that follows.
 *
 * The state is a plain object that a link can hold; whoever draws asks the view, and is told when
 * something has changed.
 */

import { best, draw, gather, generator } from "./company.js";
import { PASSES, features as featuresOf, row, softmax, trace } from "./network.js";

export const SIZE = 16; // pictures in a group, as in training
const LARGEST = 64; // in a group that is shown
export const SHOWS = { products: "q · k", scores: "÷ √8", weights: "softmax" };
const LINKED = ["step", "pass", "cell", "show", "fit", "images", "walk"];

export class View {
  /**
   * @param scene as `scene.unpack` makes it.
   * @param link what a link says: an object of texts.
   */
  constructor(scene, link = {}) {
    this.scene = scene;
    this.own = []; // pictures of the reader: { name, pixels, features }
    this.listeners = [];
    this.read(link);
  }

  /** Call back after each change, with the names of what has changed. */
  listen(listener) {
    this.listeners.push(listener);
  }

  /** Change some of the state. */
  set(changes) {
    const changed = Object.keys(changes).filter((name) => changes[name] !== this[name]);
    if (!changed.length) return;
    Object.assign(this, changes);
    if (changed.some((name) => ["index", "members"].includes(name))) this.forget();
    if (changed.includes("members") && !changes.cell) {
      this.cell = this.telling();
      changed.push("cell");
    }
    this.tell(changed);
  }

  /** Let those who listen know what has changed. */
  tell(changed) {
    this.listeners.forEach((listener) => listener(changed));
  }

  forget() {
    this.traced = null;
    this.answered = [];
  }

  /** Take the state from a link; what it does not say, or says wrongly, is as at first. */
  read(link) {
    const steps = this.scene.snapshots.map((snapshot) => snapshot.step);
    const members = [...new Set(numbers(link.images))].filter((member) => member < this.count);
    Object.assign(this, { pass: 1, cell: null }); // before there is a group
    this.set({
      index: link.step === undefined ? steps.length - 1 : nearest(steps, Number(link.step)),
      members: members.length > 1 ? members.slice(0, LARGEST) : this.firstGroup(),
      pass: clamp(Number(link.pass ?? 1), 1, PASSES, 1),
      show: link.show in SHOWS ? link.show : "weights",
      isFitted: link.fit === "1",
      walk: clamp(Number(link.walk ?? 1), 1, 7, 1),
    });
    const cell = String(link.cell ?? "").split("-").map(Number); // prettier-ignore
    const isCell = cell.length === 2 && cell.every((place) => place >= 0 && place < this.size);
    this.set({ cell: isCell ? cell : this.telling() });
  }

  /** The state as a link holds it; pictures of the reader cannot be linked. */
  link() {
    const state = {
      step: this.snapshot.step,
      pass: this.pass,
      cell: this.cell.join("-"),
      show: this.show,
      fit: Number(this.isFitted),
      images: this.members.filter((member) => member < this.count).join(","),
      walk: this.walk,
    };
    return Object.fromEntries(LINKED.map((name) => [name, String(state[name])]));
  }

  /** Whether a picture of the reader is in the group, whose features only the last step has. */
  get hasOwn() {
    return this.members.some((member) => member >= this.count);
  }

  // What follows ----------------------------------------------------------------------------------

  get snapshot() {
    return this.scene.snapshots[this.index];
  }

  get isLast() {
    return this.index === this.scene.snapshots.length - 1;
  }

  /** How many pictures the scene has, N; those of the reader are numbered from there on. */
  get count() {
    return this.scene.pictures.labels.length;
  }

  /** B, how many pictures are in the group. */
  get size() {
    return this.members.length;
  }

  /** Features of all pictures at this step, (N, D), and of the reader's at the last one. */
  get pool() {
    if (!this.own.length || !this.isLast) return this.snapshot.features;
    const made = new Float32Array((this.count + this.own.length) * 48);
    made.set(this.snapshot.features);
    this.own.forEach(({ features }, n) => made.set(features, (this.count + n) * 48));
    return made;
  }

  get trace() {
    this.traced ??= trace(this.snapshot.network, gather(this.pool, this.members));
    return this.traced;
  }

  get now() {
    return this.trace.passes[this.pass - 1];
  }

  /** The class probabilities of a place after 0, 1, ... P passes. */
  answers(place) {
    const classes = this.scene.classes.length;
    this.answered[place] ??= this.trace.logits.map((logits) => softmax(row(logits, place, classes)));
    return this.answered[place];
  }

  /** The class of a place, an index; null for the reader's own picture. */
  label(place) {
    return this.scene.pictures.labels[this.members[place]] ?? null;
  }

  /** What a place is called. */
  name(place) {
    const label = this.label(place);
    if (label === null) return this.own[this.members[place] - this.count].name;
    return `${this.scene.classes[label]} #${place}`;
  }

  pixels(place) {
    const member = this.members[place];
    return member < this.count
      ? this.scene.pictures.pixels[member]
      : this.own[member - this.count].pixels;
  }

  /** What goes, on the average, to itself, to others of the class, to all others; and by chance. */
  shares(place) {
    const weights = row(this.now.weights, place, this.size);
    const made = { itself: [0, 0], others: [0, 0], strangers: [0, 0] };
    weights.forEach((weight, j) => {
      const isSame = this.label(j) !== null && this.label(j) === this.label(place);
      const kind = j === place ? "itself" : isSame ? "others" : "strangers";
      made[kind][0] += weight;
      made[kind][1] += 1 / this.size;
    });
    return made;
  }

  /** The share of all attention that each place gets, the mean of its column. */
  get received() {
    const made = new Float64Array(this.size);
    this.now.weights.forEach((weight, n) => (made[n % this.size] += weight / this.size));
    return made;
  }

  /**
   * The cell that tells most: the picture that its companions bring nearest to its class, and whom
   * it looks at most; where nobody gets a right answer that way, the strongest pair.
   */
  telling() {
    const gains = this.members.map((_, place) => this.gain(place));
    const most = best(gains);
    return gains[most] > 0 ? this.favourite(most) : this.strongest();
  }

  /** By how much the passes raise the probability of a picture's class; 0 if another one wins. */
  gain(place) {
    const label = this.label(place);
    const answers = this.answers(place);
    if (label === null || best(answers.at(-1)) !== label) return 0;
    return answers.at(-1)[label] - answers[0][label];
  }

  /** The largest weight between two pictures of one class, if any. */
  strongest() {
    const isAlike = ([i, j]) => this.label(i) === this.label(j);
    const pairs = this.members.map((_, i) => this.favourite(i, (j) => isAlike([i, j])));
    const alike = pairs.filter(isAlike);
    const weight = ([i, j]) => this.now.weights[i * this.size + j];
    const all = alike.length ? alike : pairs;
    return all.reduce((most, pair) => (weight(pair) > weight(most) ? pair : most));
  }

  // Groups ----------------------------------------------------------------------------------------

  firstGroup() {
    return Array.from({ length: Math.min(SIZE, this.count) }, (_, member) => member);
  }

  /** Another group at random; the reader's pictures stay in it. */
  redraw(seed) {
    const own = this.own.map((_, n) => this.count + n);
    const all = Array.from({ length: this.count }, (_, member) => member);
    const drawn = draw(all, Math.min(SIZE - own.length, this.count), generator(seed));
    this.regroup([...own, ...drawn]);
  }

  sortByClass() {
    const label = (member) => this.scene.pictures.labels[member] ?? -1;
    this.regroup([...this.members].sort((a, b) => label(a) - label(b)));
  }

  regroup(members) {
    this.set({ members });
  }

  /** Let a picture of the reader, (3, 32, 32) bytes, take the first place of the group. */
  add(name, pixels) {
    this.own = [{ name, pixels, features: featuresOf(this.scene.whole, [pixels]) }, ...this.own];
    const kept = this.members.filter((member) => member < this.count);
    const own = this.own.map((_, n) => this.count + n).slice(0, SIZE / 2);
    const index = this.scene.snapshots.length - 1; // whose convolutions are here
    this.set({ index, members: [...own, ...kept].slice(0, SIZE) });
    this.set({ cell: this.favourite(0) });
  }

  /** The group without the reader's pictures. */
  removeOwn() {
    this.set({ members: this.firstGroup() });
    this.own = [];
  }

  /** A place, and whom else it looks at most, of those who are preferred if there are any. */
  favourite(place, isPreferred = () => true) {
    const weights = Array.from(row(this.now.weights, place, this.size), (weight, j) => {
      if (j === place) return -2;
      return isPreferred(j) ? weight : -1;
    });
    return [place, best(weights)];
  }
}

function nearest(steps, wanted) {
  if (!Number.isFinite(wanted)) return steps.length - 1;
  const gaps = steps.map((step) => Math.abs(step - wanted));
  return gaps.indexOf(Math.min(...gaps));
}

function numbers(text = "") {
  return String(text).split(",").filter((part) => /^\s*\d+\s*$/.test(part)).map(Number); // prettier-ignore
}

function clamp(value, low, high, otherwise) {
  return Number.isInteger(value) ? Math.min(Math.max(value, low), high) : otherwise;
}
