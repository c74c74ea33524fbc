// The explorer on the Attention page as a component: Streamlit calls this anew for every change of
// what the script tells, and of the theme.
export default function ({ data, parentElement, setTriggerValue, setStateValue }) {
  const box = parentElement.querySelector(".explorer");
  const [r, g, b] = getComputedStyle(box.parentElement).color.match(/\d+/g).map(Number);
  const theme = r + g + b > 382 ? "dark" : "light"; // as the letters are light or dark
  const send = (name, value) => (name === "step" ? setStateValue : setTriggerValue)(name, value);
  box.page ??= import(new URL(`${MODULES}attention.js`, document.baseURI).href).then(
    ({ AttentionPage }) => new AttentionPage(box, (...news) => box.send(...news)),
  );
  box.send = send;
  box.page.then((page) => {
    page.dress(theme);
    page.update(data);
  });
  // Streamlit also runs the cleanup of calls it overtook, so only a node that left is given up.
  return () => setTimeout(() => box.isConnected || box.page.then((page) => page.leave()));
}
