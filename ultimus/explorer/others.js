/** The same picture otherwise: a companion left out, other companions, other attention. */

import { best, redraw } from "./company.js";
import { choice, h, percent, redrawn } from "./dom.js";
import { CHANGES } from "./network.js";
import { answers as bars } from "./lines.js";
import { follow } from "./parts.js";
import { address } from "./pictures.js";

const LEAVE = 5; // companions that matter most
const ABOUT = {
  learned: ["as learned", "The block as it was trained."],
  uniform: ["all alike", "Each looks at all alike, whatever queries and keys say."],
  identity: ["only itself", "Each looks only at itself, as if it were alone."],
  unscaled: ["without √8", "Scores are not divided, so each looks harder at its favourites."],
  none: ["only the bias", "Nobody looks at anybody: a pass adds only 48 fixed numbers, the output bias."],
  "no-residual": ["features replaced", "What a pass computes replaces the features instead of being added to them (no residual connection)."],
};

/** Three questions about the selected picture, beside each other; returns the element. */
export function others(view, colors) {
  return h("div", { class: "others" }, leaving(view), company(view, colors), otherwise(view, colors));
}

/** What becomes of its answer when one companion leaves. */
export function leaving(view) {
  const box = h("article", { class: "left" });
  const draw = () => box.replaceChildren(...withoutEach(view));
  return follow(view, box, draw, ["index", "members", "cell"], { rests: true });
}

function withoutEach(view) {
  const [i] = view.cell;
  const top = best(view.answers(i).at(-1));
  const changes = view.influence(i).map((change) => change[top]);
  const complete = view.answers(i).at(-1)[top];
  const order = [...changes.keys()].filter((j) => view.isOne || j !== i).sort((a, b) => Math.abs(changes[b]) - Math.abs(changes[a])).slice(0, LEAVE);
  const most = Math.abs(changes[order[0]]) || 1;
  const lines = order.map((j) =>
    h("li", {}, h("img", { src: address(view.pixels(j)), alt: "" }), h("span", {}, view.name(j)),
      h("i", { class: changes[j] < 0 ? "less" : "more", style: `--share:${Math.abs(changes[j]) / most}` }),
      h("data", { value: changes[j], title: changes[j] }, inPoints(complete, changes[j])))); // prettier-ignore
  return [
    h("h3", {}, view.isOne ? "One patch leaves" : "One companion leaves"),
    h("p", {}, "By how many percentage points ", h("b", {}, `“${view.scene.classes[top]}”`), ` then gets more (+) or less (−) probable for ${view.whose(i)}. `, ...leaver(view, order[0], changes[order[0]], complete)),
    h("ul", { class: "influence" }, ...lines),
  ]; // prettier-ignore
}

/** What the first number of the list is. */
function leaver(view, j, change, complete) {
  return j === undefined ? [] : [`Without ${view.name(j)} it is `, percent(complete + change, 1), " instead of ", percent(complete, 1), "."];
}

/** What a change makes of a share, in percentage points: of both as they are shown, so that it can be checked. */
function inPoints(share, change) {
  const shown = (value) => Math.round(1000 * value);
  const points = shown(share + change) - shown(share);
  return `${points > 0 ? "+" : points < 0 ? "−" : ""}${(Math.abs(points) / 10).toFixed(1)}`;
}

/** The picture in groups of other companions, drawn again at a press. */
export function company(view, colors) {
  const box = h("article", { class: "company" });
  const draw = async () => {
    const { index, cell, seed, draws } = view;
    const pool = await view.company(cell[0]).catch((error) => error);
    if (view.index !== index || view.cell !== cell || view.seed !== seed || view.draws !== draws) return;
    const parts = pool instanceof Error ? [h("p", {}, pool.message)] : inCompany(view, colors(), pool);
    redrawn(box, () => box.replaceChildren(...parts));
  };
  return follow(view, box, draw, ["index", "members", "cell", "seed", "draws"], { rests: true });
}

function inCompany(view, colors, pool) {
  const [i] = view.cell;
  const found = redraw(view.snapshot.network, pool, 0, { draws: view.draws, size: view.size, seed: view.seed });
  const top = best(found.mean);
  const order = [...found.mean.keys()].sort((a, b) => found.mean[b] - found.mean[a]).slice(0, 4);
  const lines = order.map((c) =>
    h("li", {}, h("span", {}, view.scene.classes[c]),
      h("div", { class: "dots" }, ...found.answers.map((answer) => h("i", { style: `left:${100 * answer[c]}%;background:${colors.classes[c]}`, title: answer[c] }))),
      percent(found.mean[c]))); // prettier-ignore
  return [
    h("h3", {}, "Other companions"),
    h("p", {}, `${view.name(i)} in ${view.draws} groups of ${view.size}, a dot for each: on average `,
      h("b", {}, view.scene.classes[top]), "; in ", percent(found.flips), " of the groups another class comes first. Alone: ",
      h("b", {}, view.scene.classes[best(found.alone)]), " ", percent(Math.max(...found.alone)), "."),
    h("ul", { class: "spread" }, ...lines),
    h("button", { type: "button", "data-value": "draw", click: () => view.set({ seed: view.seed + 1 }) }, "Draw others"),
  ]; // prettier-ignore
}

/** The group under other attention, and what the picture then says. */
export function otherwise(view, colors) {
  const box = h("article", { class: "change" });
  const draw = () => redrawn(box, () => box.replaceChildren(...changed(view, colors())));
  return follow(view, box, draw, ["index", "members", "cell", "ablation"], { rests: true });
}

function changed(view, colors) {
  const [i] = view.cell;
  const traced = view.otherwise({ change: view.ablation });
  const other = { scene: view.scene, answers: (place) => view.answersIn(traced, place) };
  const names = Object.fromEntries(Object.keys(CHANGES).map((name) => [name, ABOUT[name][0]]));
  return [
    h("h3", {}, "Other attention"),
    choice("Attention", names, view.ablation, (ablation) => view.set({ ablation })),
    h("p", {}, ABOUT[view.ablation][1], " ", ...(view.isOne ? instead(view, other) : moved(view, other))),
    bars(other, colors, i),
  ]; // prettier-ignore
}

function moved(view, other) {
  const said = (one, place) => best(one.answers(place).at(-1));
  const { length } = view.members.filter((_, place) => said(view, place) !== said(other, place));
  return [h("data", { value: length }, `${length} of ${view.size}`), " pictures of the group get another answer."];
}

/** What one picture says as learned, and now. */
function instead(view, other) {
  const said = (shares) => [h("b", {}, view.scene.classes[best(shares)]), " ", percent(Math.max(...shares))];
  const [learned, now] = [view, other].map((one) => said(one.answers(0).at(-1)));
  return ["As learned the answer is ", ...learned, "; with this it is ", ...now, "."];
}
