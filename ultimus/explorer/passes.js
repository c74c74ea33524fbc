/** The answer, pass by pass: as often as the network was trained to, and beyond. */

import { best } from "./company.js";
import { h, percent, redrawn, rounded } from "./dom.js";
import { PASSES } from "./network.js";
import { follow } from "./parts.js";
import { MOST_PASSES } from "./view.js";

/** A bar of class probabilities after each number of passes; returns the element. */
export function passByPass(view, colors) {
  const box = h("article", { class: "passes" });
  const draw = () => redrawn(box, () => box.replaceChildren(...told(view, colors())));
  return follow(view, box, draw, ["index", "members", "cell", "passes"]);
}

function told(view, colors) {
  const [i] = view.cell;
  const { classes } = view.scene;
  const traced = view.otherwise({ passes: MOST_PASSES });
  const answers = view.answersIn(traced, i);
  const label = view.label(i);
  return [
    h("h3", {}, `${view.whose(i)}${label === null ? "" : `, which is of the class ${classes[label]}`}`),
    h("div", { class: "beside" },
      h("table", { class: "answers" }, h("tbody", {}, ...answers.map((answer, passes) => line(view, colors, answer, passes)))),
      h("div", {}, h("h4", {}, `After ${count(view.passes)}`), classBars(view, colors, answers[view.passes], label))),
    h("p", { class: "note" }, `The classifier can be applied after any number of passes; the network was trained with ${PASSES}, and what comes after has never been practised. ${view.isOne ? "" : rightOnes(view, traced)}`),
  ]; // prettier-ignore
}

function line(view, colors, answer, passes) {
  const top = best(answer);
  const parts = [...answer].map((share, c) =>
    h("i", { style: `width:${100 * share}%;background:${colors.classes[c]}`, title: `${view.scene.classes[c]} ${rounded(100 * share, 1)} %` }));
  const choose = () => view.set({ passes });
  return h("tr", { class: passes > PASSES ? "beyond" : null },
    h("th", { scope: "row" }, h("button", { type: "button", "data-value": passes, "aria-pressed": passes === view.passes, "aria-label": `After ${count(passes)}`, click: choose }, passes)),
    h("td", { class: "stack" }, h("div", {}, ...parts)),
    h("td", {}, view.scene.classes[top], " ", percent(answer[top]))); // prettier-ignore
}

function classBars(view, colors, answer, label) {
  const order = [...answer.keys()].sort((a, b) => answer[b] - answer[a]).slice(0, 6);
  const lines = order.map((c) =>
    h("li", {}, h("span", {}, view.scene.classes[c], c === label ? " ✓" : ""), h("div", {}, h("i", { style: `width:${100 * answer[c]}%;background:${colors.classes[c]}` })), percent(answer[c], 1)));
  return h("ul", { class: "classes" }, ...lines);
}

/** How many of the group are named rightly after each number of passes. */
function rightOnes(view, traced) {
  const known = view.members.map((_, place) => place).filter((place) => view.label(place) !== null);
  if (!known.length) return "";
  const answers = known.map((place) => view.answersIn(traced, place));
  const right = (passes) => known.filter((place, n) => best(answers[n][passes]) === view.label(place)).length;
  const counts = traced.logits.map((_, passes) => `${right(passes)} after ${passes}`);
  return `Named rightly, of the ${known.length} pictures of this group: ${counts.join(", ")} passes.`;
}

function count(passes) {
  return passes === 1 ? "1 pass" : `${passes} passes`;
}
