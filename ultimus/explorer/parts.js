/** Parts of a page that follow the view: what is seen is drawn at once, the rest in idle moments. */

const STATE = ["index", "members", "cell", "pass", "show", "as", "isFitted", "walk", "tab", "passes", "seed", "draws", "ablation", "colors"]; // prettier-ignore
const BEFORE = "120px 0px"; // of the window's edge a part counts as seen
const RESTED = 120; // milliseconds without a change, for what takes longer than a frame
const AT_LAST = 200; // milliseconds until what waits for an idle moment no longer does

const waiting = new Set();
const known = new WeakMap(); // elements and their parts
const watch = globalThis.IntersectionObserver && new IntersectionObserver(look, { rootMargin: BEFORE });

/**
 * Keep an element as the view has it; it is busy until then.
 *
 * @param draw called with the set of what has changed since it was drawn, all of the state at first.
 * @param needs names of the state that it shows.
 * @param options.first whether it is drawn before anybody has looked, as what stands on top.
 * @param options.rests whether it waits until the reader rests.
 */
export function follow(view, element, draw, needs, { first = false, rests = false } = {}) {
  const shows = new Set([...needs, "colors"]);
  const part = { element, draw, rests, missed: new Set(STATE), isSeen: false, timer: 0 };
  known.set(element, part);
  watch.observe(element);
  view.listen((changed) => {
    const missed = changed.filter((name) => shows.has(name));
    missed.forEach((name) => part.missed.add(name));
    if (missed.length) plan(part);
  });
  if (first) finish(part);
  else plan(part);
  return element;
}

function plan(part) {
  if (part.rests) {
    clearTimeout(part.timer);
    part.timer = setTimeout(later, RESTED, part);
  } else if (part.isSeen) return finish(part);
  else later(part);
  part.element.setAttribute("aria-busy", "true");
}

function later(part) {
  if (!waiting.size) whenIdle(work);
  waiting.add(part);
}

/** Some browsers know no idle moments, and on a busy machine there may be none. */
function whenIdle(work) {
  if (globalThis.requestIdleCallback) requestIdleCallback(work, { timeout: AT_LAST });
  else setTimeout(work, AT_LAST);
}

/** One part in each idle moment, so that the next press does not have to wait. */
function work() {
  const [part] = waiting;
  if (part) finish(part);
  if (waiting.size) whenIdle(work);
}

function finish(part) {
  waiting.delete(part);
  const { missed } = part;
  part.missed = new Set();
  if (missed.size) part.draw(missed);
  part.element.removeAttribute("aria-busy");
}

function look(entries) {
  for (const { target, isIntersecting } of entries) {
    const part = known.get(target);
    part.isSeen = isIntersecting;
    if (isIntersecting && part.missed.size && !part.rests) finish(part);
  }
}
