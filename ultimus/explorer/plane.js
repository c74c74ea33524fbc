/** A plane of two axes, in which small drawings have their lines. */

import { svg } from "./dom.js";

const ROOM = { left: 64, right: 14, top: 12, bottom: 26 };

export class Plane {
  /**
   * @param x the first and the last number on the axis below.
   * @param y the lowest and the highest number on the axis at the left.
   * @param width in units of the drawing, of which a letter has twelve; likewise height.
   */
  constructor(x, y, width = 520, height = 190) {
    Object.assign(this, { ends: x, levels: y, width, height });
  }

  x(value) {
    const [first, last] = this.ends;
    return ROOM.left + ((this.width - ROOM.left - ROOM.right) * (value - first)) / (last - first || 1);
  }

  y(value) {
    const [low, high] = this.levels;
    return ROOM.top + (this.height - ROOM.top - ROOM.bottom) * (1 - (value - low) / (high - low || 1));
  }

  /** A line through points (x, y). */
  line(points, attributes) {
    return svg("polyline", { ...attributes, points: points.map(([x, y]) => `${this.x(x).toFixed(1)},${this.y(y).toFixed(1)}`).join(" ") });
  }

  dot([x, y], attributes) {
    return svg("circle", { ...attributes, cx: this.x(x), cy: this.y(y) });
  }

  /** A line across at a level. */
  level(value, attributes = {}) {
    return svg("line", { ...attributes, x1: ROOM.left, x2: this.width - ROOM.right, y1: this.y(value), y2: this.y(value) });
  }

  upright(value, attributes = {}) {
    return svg("line", { ...attributes, y1: ROOM.top, y2: this.height - ROOM.bottom, x1: this.x(value), x2: this.x(value) });
  }

  /** Parts that may go on beyond the plane, and are seen only within it. */
  within(...parts) {
    const [width, height] = [this.width - ROOM.left - ROOM.right, this.height - ROOM.top - ROOM.bottom];
    return svg("svg", { x: ROOM.left, y: ROOM.top, width, height, viewBox: `${ROOM.left} ${ROOM.top} ${width} ${height}` }, ...parts);
  }

  /**
   * The drawing.
   *
   * @param label what it shows, in words.
   * @param say a number of the axis at the left as it is read.
   * @param below [x, text] on the axis below, from the left to the right.
   * @param parts what is in the plane.
   */
  drawn(label, say, below, ...parts) {
    const anchor = (place) => (place === 0 ? "start" : place === below.length - 1 ? "end" : "middle");
    return svg("svg", { viewBox: `0 0 ${this.width} ${this.height}`, role: "img", "aria-label": label },
      ...this.levels.map((value) => svg("g", { class: "tick" }, this.level(value),
        svg("text", { x: ROOM.left - 8, y: this.y(value) + 4, "text-anchor": "end" }, say(value)))),
      ...parts,
      ...below.map(([x, text], place) => svg("text", { x: this.x(x), y: this.height - 6, "text-anchor": anchor(place) }, text))); // prettier-ignore
  }
}
