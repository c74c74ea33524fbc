/** The same picture otherwise: a companion left out, other companions, another kind of attention. */

import { best, influence, redraw } from "./company.js";
import { choice, h, percent, rounded } from "./dom.js";
import { CHANGES, row, softmax, trace } from "./network.js";
import { answers as bars } from "./lines.js";
import { follow } from "./parts.js";
import { address } from "./pictures.js";

const DRAWS = 32;
const ABOUT = {
  learned: ["as learned", "The block as it was trained."],
  uniform: ["uniform", "Each picture looks at all alike, whatever queries and keys say."],
  identity: ["identity", "Each picture looks only at itself, as if it were alone."],
  unscaled: ["without √8", "Scores are not divided, so each looks harder at its favourites."],
  none: ["none", "Nobody looks at anybody: a pass adds only its constant, the output bias."],
  "no-residual": ["residual off", "What a pass computes replaces the features instead of being added."],
};

/** Three questions about the selected picture; returns the element. */
export function others(view, colors) {
  const state = { change: "uniform", seed: 0 };
  const [left, company, change] = ["left", "company", "change"].map((name) => h("article", { class: name }));
  const draw = () => {
    left.replaceChildren(...withoutEach(view));
    company.replaceChildren(...inCompany(view, colors(), state, draw));
    change.replaceChildren(...otherwise(view, colors(), state, draw));
  };
  const made = h("div", { class: "others" }, left, company, change);
  return follow(view, made, draw, ["index", "members", "cell"], { rests: true });
}

function withoutEach(view) {
  const [i] = view.cell;
  const top = best(view.answers(i).at(-1));
  const changes = influence(view.snapshot.network, view.trace.features, i).map((each) => each[top]);
  const order = [...changes.keys()].filter((j) => j !== i).sort((a, b) => Math.abs(changes[b]) - Math.abs(changes[a])).slice(0, 5);
  const most = Math.abs(changes[order[0]]) || 1;
  const lines = order.map((j) =>
    h("li", {}, h("img", { src: address(view.pixels(j)), alt: "" }), h("span", {}, view.name(j)),
      h("i", { class: changes[j] < 0 ? "less" : "more", style: `--share:${Math.abs(changes[j]) / most}` }),
      h("data", { value: changes[j], title: changes[j] }, `${changes[j] > 0 ? "+" : ""}${rounded(100 * changes[j], 1)}`))); // prettier-ignore
  return [
    h("h3", {}, "One companion leaves"),
    h("p", {}, "What becomes of ", h("b", {}, `“${view.scene.classes[top]}”`), ` for ${view.name(i)}, in percentage points:`),
    h("ul", { class: "influence" }, ...lines),
  ];
}

function inCompany(view, colors, state, again) {
  const [i] = view.cell;
  const made = redraw(view.snapshot.network, view.pool, view.members[i], { draws: DRAWS, size: view.size, seed: state.seed });
  const top = best(made.mean);
  const order = [...made.mean.keys()].sort((a, b) => made.mean[b] - made.mean[a]).slice(0, 4);
  const lines = order.map((c) =>
    h("li", {}, h("span", {}, view.scene.classes[c]),
      h("div", { class: "dots" }, ...made.answers.map((answer) => h("i", { style: `left:${100 * answer[c]}%;background:${colors.classes[c]}`, title: answer[c] }))),
      percent(made.mean[c]))); // prettier-ignore
  return [
    h("h3", {}, "Other companions"),
    h("p", {}, `${view.name(i)} in ${DRAWS} groups of ${view.size}, a dot for each: on the average `,
      h("b", {}, view.scene.classes[top]), "; in ", percent(made.flips), " of the groups another class comes first. Alone: ",
      h("b", {}, view.scene.classes[best(made.alone)]), " ", percent(Math.max(...made.alone)), "."),
    h("ul", { class: "spread" }, ...lines),
    h("button", { type: "button", click: () => { state.seed += 1; again(); } }, "Draw others"),
  ]; // prettier-ignore
}

function otherwise(view, colors, state, again) {
  const [i] = view.cell;
  const classes = view.scene.classes.length;
  const { logits } = trace(view.snapshot.network, view.trace.features, { change: state.change });
  const other = { scene: view.scene, answers: (place) => logits.map((each) => softmax(row(each, place, classes))) };
  const moved = view.members.filter((_, place) => best(view.answers(place).at(-1)) !== best(other.answers(place).at(-1)));
  const names = Object.fromEntries(Object.keys(CHANGES).map((name) => [name, ABOUT[name][0]]));
  return [
    h("h3", {}, "Another kind of attention"),
    choice("Attention", names, state.change, (name) => { state.change = name; again(); }),
    h("p", {}, ABOUT[state.change][1], " ", h("data", { value: moved.length }, `${moved.length} of ${view.size}`), " pictures of the group get another answer."),
    bars(other, colors, i),
  ]; // prettier-ignore
}
