// What belongs to the browser and not to a page: who it is, whether the server still runs that drew
// its page, what Back goes to, and how a comma in a number is read. One such node stands on every
// page.

// Who it is: a secret in a cookie, and in the browser's storage for where cookies are kept out. It is
// never part of a link.

function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // storage is switched off
  }
}

function store(name, secret) {
  try {
    localStorage.setItem(name, secret);
  } catch {} // storage is switched off
  // A cookie of its own for each site that frames this app, which browsers allow where they block others
  const framed = window.top !== window && window.isSecureContext;
  const scope = framed ? "SameSite=None; Secure; Partitioned" : "SameSite=Lax";
  document.cookie = `${name}=${secret}; path=/; max-age=31536000; ${scope}`;
}

function identify({ name, secret, known }, tell) {
  const former = stored(name);
  if (!known && former && former !== secret) tell(former);
  else store(name, secret);
}

// Whether the server still runs that drew this page. A new one knows nothing of the page's parts, and
// Streamlit draws a page that stays open only once somebody clicks.

const UNANSWERED = 3; // seconds until the next look, if the server does not say
let page = null;
let timer = null;

async function look() {
  const wait = document.hidden && !page.data.leads ? UNANSWERED : await ask().catch(() => UNANSWERED);
  clearTimeout(timer); // of a look meanwhile
  timer = setTimeout(look, 1000 * wait);
}

async function ask() {
  const { data, again } = page;
  const answer = await fetch(new URL(data.alive, document.baseURI), { cache: "no-store" }).catch(() => null);
  const server = answer?.ok ? await answer.text() : "";
  window.ultimusServerGone = server !== data.server; // boards then wait
  if (server && server !== data.server) again(server); // again and again, until it is heard
  else if (server) hearView(answer.headers.get(data.header) ?? "", data);
  return Number(answer?.headers.get(data.wait)) || UNANSWERED;
}

// The teacher's browser tells where it is, those of the others hear it and let the server lead them.
// Streamlit writes the link of a page that is opened in two or three goes, and a slider writes one for
// each place it passes: told is where the teacher has arrived, else a class would draw the others, too.

const STILL = 0.3; // seconds without a change
const TOLD_AGAIN = 10; // seconds: who is silent for long has left
let viewSeen = null;
let viewTold = null;
let toldAt = 0;

function tellOnceStill() {
  if (!page?.data.leads) return;
  const base = new URL(".", document.baseURI).pathname;
  const view = `/${location.pathname.slice(base.length)}${location.search}`;
  if (view === viewSeen) tellView(view, page.data);
  viewSeen = view;
}

function tellView(view, { leads, lead, token }) {
  if (viewTold === leads + view && Date.now() - toldAt < 1000 * TOLD_AGAIN) return;
  viewTold = leads + view;
  toldAt = Date.now();
  const options = { method: "POST", headers: { [token]: leads }, body: view };
  fetch(new URL(lead, document.baseURI), options).catch(() => (viewTold = null));
}

function hearView(view, { leads, turn, view: seen }) {
  const isNew = leads ? !view.startsWith(turn) : view !== seen; // who leads hears of another who does
  if (!isNew || isTyping()) return;
  document.activeElement?.blur(); // Streamlit takes what is typed once its field is left
  page.follow(view); // again and again, until it is heard
}

// Who is led away keeps what is typed, and is not interrupted within a number.

const TYPING = 1; // seconds after a key
let typedAt = 0;

const isTyping = () => Date.now() - typedAt < 1000 * TYPING;

document.addEventListener("input", () => (typedAt = Date.now()), true);

function watch(data, again, follow) {
  const isFirst = !page;
  page = { data, again, follow };
  window.ultimusServerGone = false;
  if (!isFirst) return;
  look();
  setInterval(tellOnceStill, 1000 * STILL);
  document.addEventListener("visibilitychange", look);
  window.addEventListener("ultimus-server-gone", look);
}

// A field for numbers drops a comma without a word where the browser's language writes a point: 0,5
// would become 5.

const writesPoint = (1.5).toLocaleString(navigator.language).includes(".");

function readComma(event) {
  const field = event.target;
  if (!writesPoint || field.type !== "number" || !event.data?.includes(",")) return;
  event.preventDefault();
  document.execCommand("insertText", false, event.data.replaceAll(",", "."));
}

function readPastedComma(event) {
  const text = event.clipboardData?.getData("text") ?? "";
  if (!writesPoint || event.target.type !== "number" || !/^\s*-?\d*,\d+\s*$/.test(text)) return;
  event.preventDefault();
  document.execCommand("insertText", false, text.trim().replace(",", "."));
}

document.addEventListener("beforeinput", readComma);
document.addEventListener("paste", readPastedComma);

// Streamlit adds an entry to the browser's history whenever a page's own script changes its link, so
// that Back would only take the script's word back. What a person chooses is added `asWritten`.

function sparePages() {
  if (history.pushState.asWritten) return;
  const { pushState, replaceState } = history;
  const write = (state, unused, address) => {
    const isHere = new URL(address ?? location.href, location.href).pathname === location.pathname;
    (isHere ? replaceState : pushState).call(history, state, unused, address);
  };
  history.pushState = Object.assign(write, { asWritten: pushState });
}

sparePages();

export default function ({ data, setTriggerValue }) {
  identify(data, (secret) => setTriggerValue("secret", secret));
  watch(
    data, (server) => setTriggerValue("again", server), (view) => setTriggerValue("view", view),
  );
}
