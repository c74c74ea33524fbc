/**
 * The colours of numbers, on light pages and dark ones; a scene brings the colours themselves.
 *
 * Both scales begin at the page's own colour, so that nothing is the page itself.
 */

const PAGES = { light: [255, 255, 255], dark: [14, 17, 23] };

export class Colors {
  constructor(told, theme) {
    const page = PAGES[theme];
    const upwards = (colors) => (theme === "dark" ? [...colors].reverse() : colors).map(rgb);
    this.classes = told.classes;
    this.weights = [page, ...upwards(told.weights)];
    this.negative = [page, ...upwards(told.negative)];
    this.positive = [page, ...upwards(told.positive)];
  }

  /** A weight from 0 to 1, on one scale for all steps, passes and runs; a root brings out small ones. */
  weight(value) {
    return css(between(this.weights, Math.sqrt(value)));
  }

  /** A number from -top to top. */
  signed(value, top) {
    const scale = value < 0 ? this.negative : this.positive;
    return css(between(scale, top ? Math.min(1, Math.abs(value) / top) : 0));
  }

  /** Black or white, whichever is read better on a colour. */
  static ink(color) {
    const [r, g, b] = color.match(/\d+/g).map(Number);
    return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#14202b" : "#ffffff";
  }
}

/** The largest absolute value of all numbers. */
export function extent(...arrays) {
  return arrays.reduce(
    (most, numbers) => numbers.reduce((so, value) => Math.max(so, Math.abs(value)), most),
    0,
  );
}

function rgb(hex) {
  return [1, 3, 5].map((begin) => parseInt(hex.slice(begin, begin + 2), 16));
}

function between(scale, share) {
  const place = Math.min(Math.max(share, 0), 1) * (scale.length - 1);
  const low = Math.min(Math.floor(place), scale.length - 2);
  return scale[low].map((value, n) => value + (scale[low + 1][n] - value) * (place - low));
}

function css(color) {
  return `rgb(${color.map(Math.round).join(" ")})`;
}
