// A run of patches as a component: Streamlit calls this anew when what it is told or its theme changes.
export default async function ({ parentElement, data }) {
  const box = parentElement.querySelector(".explorer");
  const [r, g, b] = getComputedStyle(box.parentElement).color.match(/\d+/g).map(Number);
  box.dataset.theme = r + g + b > 382 ? "dark" : "light"; // the page has light letters when dark
  if (box.shown === data.scene) return (await box.state)?.set({});
  box.shown = data.scene;
  box.state = begin(box, data.scene);
  await box.state;
}

async function begin(box, scene) {
  const address = (path) => new URL(path, document.baseURI).href;
  const [{ patches, unpackPatches }, answer] = await Promise.all([import(address(`${MODULES}patches.js`)), fetch(address(scene))]);
  if (answer.ok) return patches(box, unpackPatches(await answer.json()), () => box.dataset.theme);
  box.textContent = await answer.text();
}
