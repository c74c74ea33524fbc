/**
 * The colours of numbers, on light pages and dark ones; a scene brings the colours themselves.
 *
 * Both scales begin at the page's own colour, so that nothing is the page itself.
 */

const SHADES = 512; // of a scale, more than eyes tell apart

export class Colors {
  /**
   * @param told the colours of a scene.
   * @param theme "light" or "dark".
   * @param element where they are seen: the page's colour is its --page.
   */
  constructor(told, theme, element) {
    const page = rgb(pageColor(element));
    const scale = (colors) =>
      shades([page, ...(theme === "dark" ? [...colors].reverse() : colors).map(rgb)]);
    this.classes = told.classes;
    this.weights = scale(told.weights);
    this.negative = scale(told.negative);
    this.positive = scale(told.positive);
  }

  /**
   * A weight from 0 to 1, on one scale for all steps, passes and runs; a root brings out small ones.
   *
   * @param top the weight that has the last colour.
   */
  weight(value, top = 1) {
    return shade(this.weights, Math.sqrt(value / top));
  }

  /** A number from -top to top. */
  signed(value, top) {
    const scale = value < 0 ? this.negative : this.positive;
    return shade(scale, top ? Math.abs(value) / top : 0);
  }

  /** Black or white, whichever is read better on a colour. */
  static ink(color) {
    const [r, g, b] = color.match(/\d+/g).map(Number);
    return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#14202b" : "#ffffff";
  }
}

/** The largest absolute value of all numbers. */
export function extent(...arrays) {
  let most = 0;
  for (const numbers of arrays) {
    for (let n = 0; n < numbers.length; n++) most = Math.max(most, Math.abs(numbers[n]));
  }
  return most;
}

/** The page's own colour as #rrggbb, however it is written. */
function pageColor(element) {
  const paint = document.createElement("canvas").getContext("2d");
  paint.fillStyle = getComputedStyle(element).getPropertyValue("--page");
  return paint.fillStyle;
}

function rgb(hex) {
  return [1, 3, 5].map((begin) => parseInt(hex.slice(begin, begin + 2), 16));
}

function shade(scale, share) {
  return scale[Math.round(Math.min(Math.max(share, 0), 1) * SHADES)];
}

/** A scale of colours worked out once, since a page asks for thousands. */
function shades(scale) {
  return Array.from({ length: SHADES + 1 }, (_, n) => css(between(scale, n / SHADES)));
}

function between(scale, share) {
  const place = share * (scale.length - 1);
  const low = Math.min(Math.floor(place), scale.length - 2);
  return scale[low].map((value, n) => value + (scale[low + 1][n] - value) * (place - low));
}

function css(color) {
  return `rgb(${color.map(Math.round).join(" ")})`;
}
