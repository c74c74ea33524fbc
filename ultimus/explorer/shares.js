/** Where a picture's attention goes, beside what chance would give. */

import { h } from "./dom.js";
import { live } from "./hero.js";
import { row, entropy } from "./network.js";

const NAMES = { itself: "itself", others: "others of its class", strangers: "all others" };

/** Three shares of the selected picture and of the group, and how even its row is; the element. */
export function shares(view) {
  return live(view, ["index", "members", "pass", "cell"], () => {
    const [i] = view.cell;
    const shares = view.shares(i);
    const all = view.members.map((_, place) => view.shares(place));
    const mean = (kind) => all.reduce((sum, each) => sum + each[kind][0], 0) / view.size;
    const rows = Object.entries(NAMES).map(([kind, name]) => line(name, [...shares[kind], mean(kind)]));
    const heads = ["weight", "by chance", "mean of all"].map((name) => h("th", { scope: "col" }, name));
    return h("table", { class: "shares" },
      h("thead", {}, h("tr", {}, h("th", {}, `${view.name(i)} looks at`), ...heads)),
      h("tbody", {}, ...rows, evenness(view))); // prettier-ignore
  });
}

function line(name, numbers) {
  return h("tr", {}, h("th", { scope: "row" }, name),
    ...numbers.map((value) => h("td", {}, h("data", { value, title: value }, value.toFixed(3))))); // prettier-ignore
}

/** The entropy of its row, of an even one, and of all rows on average. */
function evenness(view) {
  const rows = view.members.map((_, place) => entropy(row(view.now.weights, place, view.size)));
  const mean = rows.reduce((sum, value) => sum + value, 0) / view.size;
  const drawn = line("entropy of the row", [rows[view.cell[0]], Math.log(view.size), mean]);
  drawn.title = "How evenly it looks: 0 at one picture only, ln B at all alike.";
  return drawn;
}
