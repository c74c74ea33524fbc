// The first page as a component: Streamlit calls this anew when its theme changes.
export default async function ({ parentElement, data, setTriggerValue }) {
  const box = parentElement.querySelector(".explorer");
  const theme = themeOf(box.parentElement);
  if (box.dress) (await box.dress)(theme);
  else box.dress = begin(box, data.lessons, setTriggerValue, theme);
}

// The page has light letters in a dark theme.
function themeOf(frame) {
  const [r, g, b] = getComputedStyle(frame).color.match(/\d+/g).map(Number);
  return r + g + b > 382 ? "dark" : "light";
}

async function begin(box, lessons, choose, theme) {
  const address = (path) => new URL(path, document.baseURI).href;
  const [{ build }, answer] = await Promise.all([import(address(`${MODULES}first.js`)), fetch(address(SCENE))]);
  if (answer.ok) return build(box, await answer.json(), lessons, choose, theme);
  box.textContent = await answer.text();
  return () => {};
}
