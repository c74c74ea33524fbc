/**
 * What is looked at where the group is the patches of one picture: places are patches, row by row,
 * and `members` are the pictures to choose from.
 */

import { influence } from "./company.js";
import { SIDE, patchFeatures, softmax, trace } from "./network.js";
import { PATCH_CHOICES, View } from "./view.js";

export class PatchView extends View {
  get choices() {
    return PATCH_CHOICES;
  }

  get grid() {
    return this.scene.grid;
  }

  get size() {
    return this.grid ** 2;
  }

  /** Another picture is another group, of which the same patches are looked at. */
  set(changes) {
    const isOther = "picture" in changes && changes.picture !== this.picture;
    super.set(isOther ? { members: [...this.members], cell: [...this.cell], ...changes } : changes);
  }

  linkedCell(link) {
    const patch = Number(link.patch || NaN); // as links once said it
    return super.linkedCell(link) ?? (patch >= 0 && patch < this.size ? this.favourite(Math.floor(patch)) : null);
  }

  linkedGroup() {
    return this.given ?? this.firstGroup();
  }

  link() {
    const { images, ...link } = super.link();
    return link;
  }

  // What follows ----------------------------------------------------------------------------------

  /** The picture that is looked at, numbered as members are. */
  get member() {
    return this.members[Math.min(this.picture, this.members.length - 1)];
  }

  get trace() {
    this.traced ??= this.traceOf(this.member);
    return this.traced;
  }

  traceOf(member) {
    const { whole } = this.snapshot;
    return trace(whole, seen(whole, this.pixelsOf(member), this.grid), { patches: true });
  }

  otherwise(options) {
    return super.otherwise({ patches: true, ...options });
  }

  answersIn({ logits }) {
    return logits.map((each) => softmax(each));
  }

  influence(place) {
    return influence(this.snapshot.network, this.trace.features, place, { patches: true });
  }

  /** The class of the picture. */
  label() {
    return this.labelOf(this.member);
  }

  labelOf(member) {
    return this.scene.pictures.labels[member] ?? null;
  }

  get said() {
    return this.members.map((member) => ({
      ...{ pixels: this.pixelsOf(member), label: this.labelOf(member) },
      answer: this.answersIn(this.traceOf(member)).at(-1),
    }));
  }

  choose(n) {
    this.set({ picture: n });
  }

  /** A patch by its row and column, from 1. */
  name(place) {
    return `patch ${Math.floor(place / this.grid) + 1}, ${(place % this.grid) + 1}`;
  }

  get token() {
    return "patch";
  }

  get isOne() {
    return true;
  }

  whose() {
    return this.called(this.member);
  }

  /** What one of the pictures is called. */
  called(member) {
    const label = this.scene.pictures.labels[member];
    return label === undefined ? this.own[member - this.count].name : this.scene.classes[label];
  }

  pixels(place) {
    const whole = this.pixelsOf(this.member);
    if (!cuts.has(whole)) cuts.set(whole, []);
    return (cuts.get(whole)[place] ??= cut(whole, place, this.grid));
  }

  /** The patch that all look at most, and whom it looks at. */
  telling() {
    const { received } = this;
    return this.favourite(received.indexOf(Math.max(...received)));
  }

  /** Look at where a patch looks while a reader goes over the picture, which Back leaves out. */
  point(patch) {
    this.cell = this.favourite(patch);
    this.tell(["cell", "pointed"]);
  }

  // Pictures --------------------------------------------------------------------------------------

  firstGroup() {
    return Array.from({ length: this.count }, (_, member) => member);
  }

  add(name, pixels) {
    this.own = [{ name, pixels }, ...this.own];
    const own = this.own.map((_, n) => this.count + n);
    this.set({ picture: 0, members: [...own, ...this.firstGroup()], cell: [...this.cell] });
  }

  removeOwn() {
    this.set({ picture: 0, members: this.firstGroup() });
    this.own = [];
  }
}

const cuts = new WeakMap(); // pictures and their patches
const known = new WeakMap(); // networks, and the features of pictures that they have seen

function seen(network, pixels, grid) {
  if (!known.has(network)) known.set(network, new WeakMap());
  const features = known.get(network);
  if (!features.has(pixels)) features.set(pixels, patchFeatures(network, pixels, grid));
  return features.get(pixels);
}

/** The pixels (3, s, s) of a patch; where the grid does not divide the side, patches overlap. */
function cut(pixels, place, grid) {
  const side = Math.ceil(SIDE / grid);
  const [top, left] = [Math.floor(place / grid), place % grid].map((at) => Math.min(Math.floor((at * SIDE) / grid), SIDE - side));
  const patch = new Uint8Array(3 * side ** 2);
  return patch.map((_, n) => {
    const [channel, y, x] = [Math.floor(n / side ** 2), Math.floor((n % side ** 2) / side), n % side];
    return pixels[channel * SIDE ** 2 + (top + y) * SIDE + left + x];
  });
}
