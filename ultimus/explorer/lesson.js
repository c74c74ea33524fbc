/**
 * A lesson beside the page that it speaks about: its cards, guesses, and what they are compared with.
 *
 * A lesson comes as ultimus/lessons/filled.py makes it. Guesses are kept in the browser, for as long
 * as its tab is open.
 */

import { course } from "./course.js";
import { h, isStill } from "./dom.js";
import { bring } from "./pointing.js";
import { explain } from "./terms.js";

const KEPT = "ultimus-lesson"; // before the names of what is kept
const CLOSE = 0.1; // of a scale: so near a number is guessed well
const FINISHED = "ultimus-finished"; // likewise of those that were gone through to their end

/** Whether this browser has gone through a lesson to its end. */
export function isFinished(name) {
  try {
    return localStorage.getItem(`${FINISHED} ${name}`) !== null;
  } catch {
    return false; // storage is switched off
  }
}

function noteFinished(name) {
  try {
    localStorage.setItem(`${FINISHED} ${name}`, "");
  } catch {} // storage is switched off
}

let hadFocus = false; // outlives the panel, which a page of the app mounts anew

export class LessonPanel {
  /**
   * @param root an element of its own.
   * @param lesson the lesson.
   * @param card which card is shown, from 0.
   * @param listener go(card, isRevealed): another card or an answer is shown; close(); and, where it is more
   *   than to close, finish(); isInFile, if the lesson runs beside a page in a file.
   * @param isGathered whether a teacher gathers the guesses.
   */
  constructor(root, lesson, card, listener, isGathered = false) {
    Object.assign(this, { root, lesson, listener, isGathered, isSmall: false });
    this.card = Math.min(Math.max(card, 0), lesson.cards.length - 1);
    root.addEventListener("keydown", (event) => this.press(event));
    root.addEventListener("focusout", () => (hadFocus = false));
    root.addEventListener("focusin", () => (hadFocus = true));
    explain(root);
    root.addEventListener("click", ({ target }) => this.go(Number(target.closest(".way")?.dataset.card ?? this.card)));
    this.watcher = new ResizeObserver(() => this.tellWhatIsBelow());
    this.draw();
    if (hadFocus) this.focus();
    this.bring();
  }

  /** Show what the card, or its answer, speaks of. */
  bring() {
    bring(this.guess() === null ? this.now.at : this.now.reveal.at);
  }

  get now() {
    return this.lesson.cards[this.card];
  }

  /** Show another card. */
  go(card) {
    if (card < 0 || card >= this.lesson.cards.length || card === this.card) return;
    this.card = card;
    this.draw();
    this.focus();
    this.listener.go(card, this.guess(card) !== null);
    this.bring();
  }

  /** Show the card that whoever holds this panel is at. */
  follow(card) {
    if (card === this.card || !this.lesson.cards[card]) return;
    this.card = card;
    this.draw();
    this.bring();
  }

  /** Say whether a teacher gathers the guesses, which may change at any time. */
  tellWhetherGathered(isGathered) {
    if (isGathered === this.isGathered) return;
    this.isGathered = isGathered;
    this.root.querySelector(".gathered")?.replaceChildren(this.gathered());
  }

  gathered() {
    return this.isGathered ? "The class sees how guesses are spread, but not whose they are." : "";
  }

  focus() {
    this.root.querySelector("h2").focus({ preventScroll: true });
  }

  press({ key, target }) {
    if (target.type === "range") return; // which has the arrows for itself
    if (key === "ArrowRight") this.go(this.card + 1);
    else if (key === "ArrowLeft") this.go(this.card - 1);
    else if (/^[1-9]$/.test(key) && this.now.question?.choices[key - 1] && this.guess() === null) {
      this.take(key - 1);
    }
  }

  // Guesses ---------------------------------------------------------------------------------------

  /** What was guessed on a card: a choice or a number; null for nothing yet. */
  guess(card = this.card) {
    const kept = sessionStorage.getItem(this.place(card));
    return kept === null ? null : Number(kept);
  }

  /** What was guessed up to now, by card from 0. */
  get guesses() {
    const all = this.lesson.cards.map((_, card) => [card, this.guess(card)]);
    return Object.fromEntries(all.filter(([, guess]) => guess !== null));
  }

  place(card) {
    return `${KEPT} ${this.lesson.name} ${card}`;
  }

  seenAt(card) {
    return `${KEPT} seen ${this.lesson.name} ${card}`;
  }

  /** Whether nothing is left to do on a card: guessed, or read where there is nothing to guess. */
  isDone(card) {
    return this.lesson.cards[card].question ? this.guess(card) !== null : sessionStorage.getItem(this.seenAt(card)) !== null;
  }

  take(guess) {
    sessionStorage.setItem(this.place(this.card), guess);
    this.draw();
    this.root.querySelector(".verdict").focus({ preventScroll: true });
    this.root.querySelector(".reveal").scrollIntoView({ block: "nearest" });
    this.listener.go(this.card, true);
    this.bring();
  }

  /** Forget all guesses, and begin. */
  restart() {
    this.lesson.cards.forEach((_, card) => [this.place(card), this.seenAt(card)].forEach((kept) => sessionStorage.removeItem(kept)));
    this.go(0);
  }

  // Drawing ---------------------------------------------------------------------------------------

  draw() {
    const { title, text, question } = this.now;
    const isGuessed = Boolean(question) && this.guess() !== null;
    sessionStorage.setItem(this.seenAt(this.card), "");
    this.root.replaceChildren(
      h("aside", { class: `lesson${this.isSmall ? " small" : ""}`, "aria-label": `Lesson: ${this.lesson.title}` },
        this.head(),
        h("div", { class: "text" },
          h("h2", { tabindex: -1 }, title),
          written(text),
          this.inApp(this.now.app),
          question ? this.question(question, isGuessed) : null,
          isGuessed && this.reveal(),
          this.isLast && (isGuessed || !question) && this.summary()),
        this.foot(Boolean(question) && !isGuessed))); // prettier-ignore
    this.watch();
  }

  /** See to it that what is below the lower edge of the text is told. */
  watch() {
    const text = this.root.querySelector(".text");
    text.addEventListener("scroll", () => this.tellWhatIsBelow());
    this.watcher.disconnect();
    [text, ...text.children].forEach((part) => this.watcher.observe(part));
  }

  tellWhatIsBelow() {
    const [text, below] = [".text", ".below"].map((part) => this.root.querySelector(part));
    if (!text) return; // the lesson was closed
    below.hidden = !this.isBelow(text.lastElementChild);
    below.textContent = this.asksBelow ? "A question below ↓" : "More below ↓";
  }

  /** Whether a part of the text is not seen whole. */
  isBelow(part) {
    return part.getBoundingClientRect().bottom > part.parentElement.getBoundingClientRect().bottom + 2; // pixels
  }

  /** Whether there is a question to answer which is not. */
  get asksBelow() {
    const question = this.root.querySelector(".question");
    return question !== null && this.guess() === null && this.isBelow(question);
  }

  showMore() {
    const text = this.root.querySelector(".text");
    const behavior = isStill() ? "auto" : "smooth";
    if (this.asksBelow) text.querySelector(".question").scrollIntoView({ block: "nearest", behavior });
    else text.scrollBy({ top: 0.8 * text.clientHeight, behavior });
  }

  /** What can be done or seen in the app alone: in a file, which has none of it, it is put away. */
  inApp(html) {
    if (!html) return null;
    if (!this.listener.isInFile) return written(html);
    return h("details", { class: "app" }, h("summary", {}, "In the app"), written(html));
  }

  get isLast() {
    return this.card === this.lesson.cards.length - 1;
  }

  head() {
    const { cards, title } = this.lesson;
    const steps = cards.map((card, n) =>
      h("button", { type: "button", title: card.title, "aria-label": `Card ${n + 1}: ${card.title}`,
        "aria-current": n === this.card ? "step" : false, class: this.isDone(n) ? "done" : null,
        click: () => this.go(n) })); // prettier-ignore
    const small = this.isSmall ? "Show the lesson" : "Make the lesson small";
    return h("header", {},
      h("p", {}, h("strong", {}, title), h("span", {}, `${this.card + 1} of ${cards.length}`)),
      h("button", { type: "button", class: "sign shrink", "aria-label": small, title: small, click: () => this.shrink() }, this.isSmall ? "▴" : "▾"),
      h("button", { type: "button", class: "sign", "aria-label": "Close the lesson", title: "Close the lesson", click: () => this.listener.close() }, "×"),
      h("nav", { "aria-label": "Cards of the lesson" }, ...steps)); // prettier-ignore
  }

  shrink() {
    this.isSmall = !this.isSmall;
    this.draw();
  }

  foot(isAsked) {
    const button = (text, card, kind) =>
      h("button", { type: "button", class: kind, disabled: card < 0 || card >= this.lesson.cards.length,
        click: () => this.go(card) }, text); // prettier-ignore
    const last = h("button", { type: "button", class: isAsked ? null : "primary", click: () => this.finish() }, "Finish");
    const below = h("button", { type: "button", class: "below", hidden: true, click: () => this.showMore() });
    return h("footer", {}, below, button("Back", this.card - 1),
      this.isLast ? last : button(isAsked ? "Skip" : "Next", this.card + 1, isAsked ? null : "primary")); // prettier-ignore
  }

  finish() {
    noteFinished(this.lesson.name);
    (this.listener.finish ?? this.listener.close)();
  }

  question(question, isGuessed) {
    const box = question.scale ? this.scale(question.scale, isGuessed) : this.choices(question, isGuessed);
    return h("div", { class: "question", role: "group", "aria-label": "Your guess" },
      h("p", { class: "guess" }, "Guess first"), written(question.text), box,
      h("p", { class: "gathered", role: "status" }, this.gathered())); // prettier-ignore
  }

  choices({ choices }, isGuessed) {
    const right = this.now.reveal.answer;
    return h("ol", {}, ...choices.map((choice, n) => {
      const isMine = isGuessed && this.guess() === n;
      const kind = [isMine && "mine", isGuessed && n === right && "right"].filter(Boolean).join(" ");
      const button = h("button", { type: "button", class: kind, disabled: isGuessed, "aria-pressed": isMine, click: () => this.take(n) });
      button.innerHTML = choice;
      if (kind) button.append(h("small", {}, { "mine right": "your guess, and right", mine: "your guess", right: "right" }[kind]));
      return h("li", {}, button);
    })); // prettier-ignore
  }

  scale({ low, high, step, unit }, isGuessed) {
    const middle = low + Math.round((high - low) / 2 / step) * step;
    const value = isGuessed ? this.guess() : middle;
    const shown = h("output", {}, inUnit(value, step, unit));
    const slider = h("input", { type: "range", min: low, max: high, step, value, disabled: isGuessed,
      "aria-label": `Your guess${unit ? ` in ${unit}` : ""}` }); // prettier-ignore
    slider.addEventListener("input", () => (shown.value = inUnit(Number(slider.value), step, unit)));
    const take = h("button", { type: "button", class: "primary", click: () => this.take(Number(slider.value)) }, "This is my guess");
    return h("div", { class: "scale" }, slider, shown, isGuessed ? null : take);
  }

  reveal() {
    const { reveal, question } = this.now;
    const verdict = question.scale
      ? `You guessed ${inUnit(this.guess(), question.scale.step, question.scale.unit)}; it is ${reveal.number.text}.`
      : this.guess() === reveal.answer ? "Right." : "Not so.";
    return h("div", { class: "reveal" },
      h("p", { class: "verdict", tabindex: -1, role: "status" }, verdict),
      reveal.bars.length ? this.compared() : null,
      reveal.curves ? course(reveal.curves, question.scale ? this.guess() : null) : null,
      written(reveal.text), this.inApp(reveal.app)); // prettier-ignore
  }

  /** Bars from 0, to 100 % where they are shares, with what was guessed as a line through them. */
  compared() {
    const { reveal, question } = this.now;
    const guess = question.scale ? this.guess() : null;
    const areShares = reveal.bars.every(({ text }) => text.endsWith("%"));
    const most = areShares ? 100 : Math.max(...reveal.bars.map(({ number }) => number), guess ?? 0) || 1;
    const place = (number) => `${(100 * Math.max(number, 0)) / most}%`;
    const track = (number, kind = "") =>
      h("div", { class: `track ${kind}` }, h("i", { style: `width:${place(number)}` }),
        guess === null ? null : h("b", { style: `left:${place(guess)}` })); // prettier-ignore
    const rows = reveal.bars.map(({ name, number, text }) => [h("span", {}, name), track(number), h("data", { value: number }, text)]);
    if (guess !== null) {
      const { step, unit } = question.scale;
      rows.push([h("span", { class: "mine" }, "your guess"), track(guess, "mine"), h("data", { value: guess }, inUnit(guess, step, unit))]);
    }
    return h("div", { class: "compared" }, ...rows.flat());
  }

  /** How the guesses of the lesson went. */
  summary() {
    const asked = this.lesson.cards.map((card, n) => [card, this.guess(n)]).filter(([card]) => card.question);
    const told = (some, what) => (some.length ? `${some.filter(isWell).length} of ${some.length} ${what}. ` : "");
    const [numbers, choices] = [true, false].map((isScale) => asked.filter(([card]) => Boolean(card.question.scale) === isScale));
    return h("p", { class: "summary" }, told(choices, "choices guessed right"), told(numbers, "numbers guessed to a tenth of their scale"),
      h("button", { type: "button", click: () => this.restart() }, "Start again")); // prettier-ignore
  }
}

/** Whether a guess is right, or a number near enough. */
function isWell([{ question, reveal }, guess]) {
  if (!question.scale) return guess === reveal.answer;
  const { low, high } = question.scale;
  return guess !== null && Math.abs(guess - reveal.number.number) <= CLOSE * (high - low);
}

/** HTML that the server has made of Markdown. */
function written(html) {
  const box = h("div", { class: "written" });
  box.innerHTML = html;
  return box;
}

function inUnit(value, step, unit) {
  const digits = Math.max(0, Math.ceil(-Math.log10(step)));
  return `${value.toFixed(digits).replace("-", "−")}${unit ? ` ${unit}` : ""}`;
}
