/**
 * What is looked at: a snapshot, a group of pictures, a pass and a cell, and all that follows.
 *
 * The state is a plain object that a link can hold; whoever draws asks the view, and is told when
 * something has changed.
 */

import { best, draw, gather, generator, influence } from "./company.js";
import { CHANGES, FEATURES, PASSES, features as featuresOf, row, softmax, trace } from "./network.js";

export const SIZE = 16; // pictures in a group, as in training
export const MOST_PASSES = 8;
const LARGEST = 64; // in a group that is shown
export const SHOWS = { products: "q · k", scores: "÷ √8", weights: "softmax" };
export const TABS = {
  passes: "The answer, pass by pass",
  company: "Other companions",
  ablations: "Other attention",
};
export const LIVE = -1; // stands for the newest weights of a run that trains

/** Choices besides step, group and cell, by their names in a link: a name here, and what it may be. */
const CHOICES = {
  pass: ["pass", whole(1, PASSES, 1)],
  show: ["show", oneOf(SHOWS, "weights")],
  as: ["as", oneOf({ matrix: 1, lines: 1 }, "matrix")],
  fit: ["isFitted", (text) => text === "1"],
  walk: ["walk", whole(1, 7, 1)],
  view: ["tab", oneOf(TABS, "passes")],
  passes: ["passes", whole(0, MOST_PASSES, PASSES)],
  draws: ["draws", whole(8, 128, 32)],
  redraw: ["seed", whole(0, 1e6, 0)],
  ablation: ["ablation", oneOf(CHANGES, "learned")],
};

/** The same where the patches of one of several pictures are looked at. */
export const PATCH_CHOICES = { ...CHOICES, picture: ["picture", whole(0, LARGEST - 1, 0)] };

/** What a link need not say of them, for so they are at first. */
export const DEFAULTS = Object.fromEntries(Object.entries(PATCH_CHOICES).map(([name, [field, kind]]) => [name, asText(field, kind())])); // prettier-ignore

export class View {
  /**
   * @param scene as `scene.unpack` or `served.fetchScene` makes it; the step that the link names is
   *   here.
   * @param link what a link says: an object of texts.
   * @param group.own pictures of the reader, { name, pixels }.
   * @param group.members the group, if the link does not say it: places among the scene's pictures,
   *   after which the reader's are numbered.
   * @param group.tells gives the first cell, if not that of whom companions help most.
   */
  constructor(scene, link = {}, { own = [], members, tells } = {}) {
    this.scene = scene;
    this.own = own;
    this.given = members;
    this.tells = tells;
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

  /** The newest weights are others than before. */
  renew() {
    this.forget();
    this.tell(["index"]);
  }

  /** Look at a snapshot as soon as its numbers are here; of several, the one asked for last. */
  async seek(index) {
    this.sought = index;
    const snapshot = this.at(index);
    if (!this.isReady(snapshot)) await this.fetch(snapshot);
    if (this.sought === index) this.set({ index });
  }

  /** Whether all is here that a step needs to see the group. */
  isReady(snapshot) {
    return snapshot.isHere !== false && (!this.hasOwn || Boolean(snapshot.whole));
  }

  fetch(snapshot) {
    return Promise.all([snapshot.load?.(), this.hasOwn && snapshot.loadWhole?.()]);
  }

  /** Take the state from a link; what it does not say, or says wrongly, is as at first. */
  read(link) {
    const chosen = Object.entries(this.choices).map(([name, [field, kind]]) => [field, kind(link[name])]);
    const state = { index: indexOf(this.scene, link.step), members: this.linkedGroup(link), ...Object.fromEntries(chosen) };
    const changed = Object.keys(state).filter((name) => state[name] !== this[name]);
    Object.assign(this, state);
    this.forget();
    this.cell = this.linkedCell(link) ?? this.telling();
    this.tell([...changed, "cell"]);
  }

  get choices() {
    return CHOICES;
  }

  linkedCell(link) {
    const cell = String(link.cell ?? "").split("-").map(Number); // prettier-ignore
    const isCell = link.cell && cell.length === 2 && cell.every((place) => place >= 0);
    return isCell ? cell.map((place) => Math.min(Math.floor(place), this.size - 1)) : null;
  }

  linkedGroup(link) {
    if (this.given) return this.given;
    const members = [...new Set(numbers(link.images))].filter((member) => member < this.count);
    return members.length > 1 ? members.slice(0, LARGEST) : this.firstGroup();
  }

  /** The state as a link holds it; pictures of the reader cannot be linked. */
  link() {
    return {
      step: this.index === LIVE ? "follow" : String(this.snapshot.step),
      ...Object.fromEntries(Object.entries(this.choices).map(([name, [field]]) => [name, asText(field, this[field])])),
      cell: this.cell.join("-"),
      images: this.members.filter((member) => member < this.count).join(","),
    };
  }

  /** Whether a picture of the reader is in the group, which only a step with all its weights sees. */
  get hasOwn() {
    return this.members.some((member) => member >= this.count);
  }

  /** Whether every step can see the group. */
  get canSeek() {
    return !this.hasOwn || this.scene.snapshots.every((snapshot) => snapshot.whole || snapshot.loadWhole);
  }

  // What follows ----------------------------------------------------------------------------------

  get snapshot() {
    return this.at(this.index);
  }

  at(index) {
    return index === LIVE ? this.scene.live : this.scene.snapshots[index];
  }

  get isLast() {
    return this.index === LIVE || this.index === this.scene.snapshots.length - 1;
  }

  /** How many pictures the scene has, N; those of the reader are numbered from there on. */
  get count() {
    return this.scene.pictures.labels.length;
  }

  /** B, how many pictures are in the group. */
  get size() {
    return this.members.length;
  }

  /** Features (N, D) of all pictures at this step, and of the reader's where it can see them. */
  get pool() {
    const { features, whole } = this.snapshot;
    if (!this.own.length || !whole) return features;
    const pool = new Float32Array((this.count + this.own.length) * FEATURES);
    pool.set(features);
    this.own.forEach((picture, n) => pool.set(seen(picture, whole), (this.count + n) * FEATURES));
    return pool;
  }

  get trace() {
    this.traced ??= trace(this.snapshot.network, gather(this.pool, this.members));
    return this.traced;
  }

  /** The group once more, with other options of `network.trace`. */
  otherwise(options) {
    return trace(this.snapshot.network, this.trace.features, options);
  }

  /** The places of the group, 0 to B - 1. */
  get places() {
    return Array.from({ length: this.size }, (_, place) => place);
  }

  get now() {
    return this.trace.passes[this.pass - 1];
  }

  /** The class probabilities of a place after 0, 1, ... P passes. */
  answers(place) {
    this.answered[place] ??= this.answersIn(this.trace, place);
    return this.answered[place];
  }

  /** The same in another trace of the group. */
  answersIn({ logits }, place) {
    return logits.map((each) => softmax(row(each, place, this.scene.classes.length)));
  }

  /** How the answer of a place changes when another one leaves, see `company.influence`. */
  influence(place) {
    return influence(this.snapshot.network, this.trace.features, place);
  }

  /**
   * The picture at a place and the others that may come with it: features (N, D), its own first.
   */
  async company(place) {
    const { companions } = this.scene;
    const itself = row(this.trace.features, place, FEATURES);
    const { numbers, features } = companions
      ? await companions(this.snapshot)
      : { numbers: [...Array(this.count).keys()], features: this.snapshot.features };
    const number = companions ? this.scene.numbers[this.members[place]] : this.members[place];
    const others = numbers.map((_, n) => n).filter((n) => numbers[n] !== number);
    const rows = new Float32Array((others.length + 1) * FEATURES);
    rows.set(itself);
    rows.set(gather(features, others), FEATURES);
    return rows;
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

  /** What a place is, and whether all places are parts of one picture, which has one answer. */
  get token() {
    return "picture";
  }

  get isOne() {
    return false;
  }

  /** What the picture is called whose answer a place has. */
  whose(place) {
    return this.name(place);
  }

  pixels(place) {
    return this.pixelsOf(this.members[place]);
  }

  pixelsOf(member) {
    return member < this.count
      ? this.scene.pictures.pixels[member]
      : this.own[member - this.count].pixels;
  }

  /** The pictures of the group, each with its class and what it is taken for after the last pass. */
  get said() {
    return this.places.map((place) => ({
      ...{ pixels: this.pixels(place), label: this.label(place) },
      answer: this.answers(place).at(-1),
    }));
  }

  /** Look at the picture with this number in `said`. */
  choose(n) {
    this.set({ cell: this.favourite(n) });
  }

  /** What goes, on the average, to itself, to others of the class, to all others; and by chance. */
  shares(place) {
    const weights = row(this.now.weights, place, this.size);
    const sums = { itself: [0, 0], others: [0, 0], strangers: [0, 0] };
    weights.forEach((weight, j) => {
      const isSame = this.label(j) !== null && this.label(j) === this.label(place);
      const kind = j === place ? "itself" : isSame ? "others" : "strangers";
      sums[kind][0] += weight;
      sums[kind][1] += 1 / this.size;
    });
    return sums;
  }

  /** The share of all attention that each place gets, the mean of its column. */
  get received() {
    const means = new Float64Array(this.size);
    this.now.weights.forEach((weight, n) => (means[n % this.size] += weight / this.size));
    return means;
  }

  /**
   * The cell that tells most: the picture that its companions bring nearest to its class, and whom
   * it looks at most; where nobody gets a right answer that way, the strongest pair.
   */
  telling() {
    if (this.tells) return this.tells(this);
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
  regroupAtRandom(seed) {
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
    this.own = [{ name, pixels }, ...this.own];
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

/** The snapshot that a link names, or the nearest to it; the last one where it names none. */
export function indexOf({ snapshots, live }, step) {
  if (step === "follow" && live) return LIVE;
  const wanted = Number(step || NaN);
  if (!Number.isFinite(wanted)) return snapshots.length - 1;
  const gaps = snapshots.map((snapshot) => Math.abs(snapshot.step - wanted));
  return gaps.indexOf(Math.min(...gaps));
}

/** What a network makes of a picture of the reader, computed once. */
function seen(picture, whole) {
  picture.seen ??= new WeakMap();
  if (!picture.seen.has(whole)) picture.seen.set(whole, featuresOf(whole, [picture.pixels]));
  return picture.seen.get(whole);
}

function numbers(text = "") {
  return String(text).split(",").filter((part) => /^\s*\d+\s*$/.test(part)).map(Number); // prettier-ignore
}

function asText(field, value) {
  return String(field === "isFitted" ? Number(value) : value);
}

function whole(low, high, otherwise) {
  return (text) => {
    const value = Number(text ?? NaN);
    return Number.isInteger(value) ? Math.min(Math.max(value, low), high) : otherwise;
  };
}

function oneOf(options, otherwise) {
  return (text) => (Object.hasOwn(options, text) ? text : otherwise);
}
