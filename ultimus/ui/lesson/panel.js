// The panel of a lesson as a component: Streamlit calls this anew when its data or theme changes.
const AGAIN = 2000; // milliseconds until what was not answered is asked again
const TRIES = 10;

export default async function ({ parentElement, data, setStateValue }) {
  const box = parentElement.querySelector(".box");
  box.dataset.theme = themeOf(box.parentElement);
  const { LessonPanel } = await import(new URL(`${MODULES}lesson.js`, document.baseURI).href);
  if (data.answered === box.asked) box.asked = null;
  const key = `${data.lesson.name} ${data.turn}`;
  if (box.panel && box.key === key) {
    box.panel.tellWhetherGathered(data.gathers);
    return box.asked ? null : box.panel.follow(data.card - 1);
  }
  const ask = (card, isRevealed) => {
    const { guesses } = box.panel; // all of them, since what is asked meanwhile may be dropped
    askFor(box, setStateValue, { number: Date.now(), card, isRevealed, guesses });
  };
  const listener = { go: (card, isRevealed) => ask(card + 1, isRevealed), close: () => ask(0, false), finish: () => ask(data.lesson.cards.length + 1, false) };
  box.key = key;
  box.panel = new LessonPanel(box, data.lesson, data.card - 1, listener, data.gathers);
}

// Ask the script, until it answers: a fragment of the page that runs just then would swallow it.
function askFor(box, setStateValue, asked) {
  box.asked = asked.number;
  const ask = (tries) => {
    if (box.asked !== asked.number || !box.isConnected || tries === TRIES) return;
    setStateValue("asked", { ...asked, tries });
    setTimeout(ask, AGAIN, tries + 1);
  };
  ask(0);
}

// The page has light letters in a dark theme.
function themeOf(element) {
  const [r, g, b] = getComputedStyle(element).color.match(/\d+/g).map(Number);
  return r + g + b > 382 ? "dark" : "light";
}
