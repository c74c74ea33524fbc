// A board: rows of figures (figure.js), groups (group.js) and pieces of HTML that arrive in one
// message and are updated in place. A message is a header and the rows, with an empty line between; a row has a line of JSON
// for each of its parts. Where the rows only begin the board, those that follow stay as they are.

function discard(box) {
  end(box);
  box.remove();
}

function end(box) {
  if (box.live) endFigure(box);
  if (box.group) endGroup(box);
}

const kindOf = (part) => ["figure", "group", "html"].find((kind) => kind in part);

// Shows a part at its place in a row, in the box that is there if it is of the same kind.
function showPart(row, place, text) {
  let box = row.children[place];
  const part = box?.text === text ? box.shown : JSON.parse(text);
  const kind = `ultimus-${kindOf(part)}`;
  if (box?.className !== kind) {
    const former = box;
    box = Object.assign(document.createElement("div"), { className: kind });
    if (former) {
      end(former);
      former.replaceWith(box);
    } else row.append(box);
  }
  if (part.html && box.text !== text) box.innerHTML = part.html;
  Object.assign(box, { text, shown: part }); // an element's `part` is the browser's own
  box.style.flexGrow = part.share;
  if (part.figure) showFigure(box, part);
  if (part.group) showGroup(box, part);
}

function showRow(board, place, texts) {
  const row = board.children[place] ?? board.appendChild(document.createElement("div"));
  row.className = "ultimus-row";
  texts.forEach((text, part) => showPart(row, part, text));
  [...row.children].slice(texts.length).forEach(discard);
}

function start(board) {
  const observer = new IntersectionObserver((entries) => {
    board.near = entries.at(-1).isIntersecting;
    if (board.every) ask(board);
  });
  observer.observe(board);
  return observer;
}

// Asks for the next version, if somebody looks: each answer costs the app and the browser what a run
// that trains on the same processor would need.
async function ask(board) {
  if (board.asking) return;
  board.asking = true;
  const wait = await look(board).catch(() => null); // the app is out of reach, as Streamlit tells
  board.asking = false;
  askLater(board, wait ?? board.every);
}

function askLater(board, wait) {
  clearTimeout(board.timer);
  if (board.every && board.isConnected) board.timer = setTimeout(() => ask(board), 1000 * wait);
}

async function look(board) {
  if (!board.near || document.hidden || window.ultimusServerGone) return null;
  if (board.source) return fetchNext(board);
  board.send("tick", true);
  return null;
}

// Gives the seconds until the next look, if the answer says how long.
async function fetchNext(board) {
  const { source, given } = board;
  const address = new URL(source, document.baseURI);
  const figures = [...board.querySelectorAll(".ultimus-figure")];
  address.searchParams.set("beyond", Math.min(...figures.map(nextReach)));
  const answer = await fetch(address);
  const answered = performance.now();
  if (answer.status === 410) {
    window.dispatchEvent(new Event("ultimus-server-gone"));
    return null;
  }
  const message = answer.status === 200 ? await answer.text() : null;
  if (board.given !== given || !board.isConnected) return null; // Streamlit was faster
  if (message === null) board.send("tick", true); // there is more to be drawn anew than the board
  else if (message !== board.message) show(board, message);
  const wait = Number(answer.headers.get(WAIT));
  return wait ? wait - (performance.now() - answered) / 1000 : null;
}

function show(board, message) {
  board.message = message;
  const [header, ...rows] = message.split("\n\n");
  const { every, source, begins } = JSON.parse(header);
  showRows(board, rows);
  board.rows = begins ? [...rows, ...board.rows.slice(rows.length)] : rows;
  for (const row of [...board.children].slice(board.rows.length)) {
    [...row.children].forEach(discard);
    row.remove();
  }
  Object.assign(board, { source, every });
}

function showGiven(board, message) {
  show(board, message);
  if (!board.asking) askLater(board, board.every);
}

function showRows(board, rows) {
  rows.forEach((row, place) => showRow(board, place, row.split("\n")));
}

// Streamlit calls this anew for every change of the data or of the theme.
export default function ({ data, parentElement, setTriggerValue }) {
  const board = parentElement.querySelector(".ultimus-board");
  const given = new TextDecoder().decode(data);
  board.send = setTriggerValue;
  board.observer ??= start(board);
  if (board.given === given) showRows(board, board.rows); // what was fetched since is newer
  else showGiven(board, given);
  board.given = given;
  // Streamlit also runs the cleanup of calls it overtook, so only a node that left is purged.
  return () => setTimeout(() => {
    if (board.isConnected) return;
    clearTimeout(board.timer);
    board.observer.disconnect();
    board.querySelectorAll(".ultimus-row > *").forEach(end);
  });
}
