// The probe group as a part of a board. The explorer draws it (explorer/probe.js), in a tree of its
// own, where its styles stay; it asks for newer weights itself, so its part of the board stays as it is.

function startGroup(box) {
  const tree = box.attachShadow({ mode: "open" });
  tree.innerHTML = `<style>${GROUP_STYLES}</style><div class="explorer" aria-busy="true"></div>`;
  const open = (link) => box.closest(".ultimus-board").send("open", link);
  return import(new URL(`${MODULES}probe.js`, document.baseURI).href).then(
    ({ Probe }) => new Probe(tree.lastChild, open),
  );
}

function showGroup(box, { group }) {
  const [r, g, b] = getComputedStyle(box).color.match(/\d+/g).map(Number);
  const theme = r + g + b > 382 ? "dark" : "light"; // as the letters are light or dark
  box.group ??= startGroup(box);
  box.group.then((probe) => {
    probe.dress(theme);
    probe.update(group);
  });
}

function endGroup(box) {
  box.group.then((probe) => probe.leave());
}
