// The panel of a lesson as a component: Streamlit calls this anew when its data or theme changes.
export default async function ({ parentElement, data, setStateValue }) {
  const box = parentElement.querySelector(".box");
  box.dataset.theme = themeOf(box.parentElement);
  const { LessonPanel } = await import(new URL(`${MODULES}lesson.js`, document.baseURI).href);
  const key = `${data.lesson.name} ${data.turn}`;
  if (box.panel && box.key === key) return box.panel.follow(data.card - 1);
  // a state and no trigger, which the script can lose while it opens another page
  const ask = (card, isRevealed) => setStateValue("asked", { number: Date.now(), card, isRevealed });
  const listener = { go: (card, isRevealed) => ask(card + 1, isRevealed), close: () => ask(0, false) };
  box.key = key;
  box.panel = new LessonPanel(box, data.lesson, data.card - 1, listener);
}

// The page has light letters in a dark theme.
function themeOf(element) {
  const [r, g, b] = getComputedStyle(element).color.match(/\d+/g).map(Number);
  return r + g + b > 382 ? "dark" : "light";
}
