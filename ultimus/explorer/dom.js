/** Elements in a line each, and how numbers stand in them. */

const SVG = "http://www.w3.org/2000/svg";

/** An element: attributes as they stand in HTML, functions as listeners. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for a drawing. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name.startsWith("aria-")) element.setAttribute(name, String(value));
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value);
    }
  }
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

/** A number as it is read, with all its digits for whoever looks closer. */
export function number(value, digits = 3) {
  return h("data", { value, title: value }, rounded(value, digits));
}

/** A share as a percentage. */
export function percent(value, digits = 0) {
  return h("data", { value, title: value }, `${(100 * value).toFixed(digits)} %`);
}

/** A number with so many decimals, with a true minus; many digits before the point need none. */
export function rounded(value, digits = 3) {
  const kept = Math.max(0, digits - Math.max(0, Math.floor(Math.log10(Math.abs(value) || 1))));
  return value.toFixed(kept).replace(/^-(?=[0.]*$)/, "").replace("-", "−"); // no minus zero
}

/** A number with two digits that count, as people write it: 9.8 × 10⁻⁶ and not 9.8e-6. */
export function short(value) {
  const [digits, power] = value.toExponential(1).split("e-");
  if (!power || power < 6) return String(Number(value.toPrecision(2)));
  return `${digits} × 10⁻${[...power].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]).join("")}`;
}

/** Buttons of which one is chosen. */
export function choice(label, options, chosen, choose) {
  const buttons = Object.entries(options).map(([value, text]) =>
    h("button", { type: "button", "aria-pressed": value === String(chosen), "data-value": value,
      click: () => choose(value) }, text),
  ); // prettier-ignore
  return h("div", { class: "choice", role: "group", "aria-label": label }, ...buttons);
}

/** Whether the reader has asked for no motion. */
export function isStill() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** Draw what is in an element anew; the button that has the focus keeps it. */
export function redrawn(box, draw) {
  const held = focused(box)?.dataset.value;
  draw();
  if (held) box.querySelector(`[data-value="${CSS.escape(held)}"]`)?.focus();
}

/** What has the focus inside of an element, in a document or in a shadow of it. */
export function focused(box) {
  const active = box.getRootNode().activeElement;
  return active && box.contains(active) ? active : null;
}
