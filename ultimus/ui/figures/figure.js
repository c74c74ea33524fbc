// One live figure of a board: keeps its DOM node and hands every new version to Plotly.react, so
// that nothing flickers and the reader's zoom survives (layout.uirevision).

// Once per page: pages sit one level below the app's base path, so a relative address finds it.
function loadPlotly() {
  window.ultimusPlotly ??= new Promise((resolve, reject) => {
    if (window.Plotly) return resolve(window.Plotly);
    const script = document.createElement("script");
    script.src = new URL(PLOTLY, document.baseURI).href;
    script.onload = () => (window.Plotly ? resolve(window.Plotly) : reject());
    script.onerror = reject;
    document.head.append(script);
  });
  return window.ultimusPlotly;
}

// Streamlit's theme as a plotly template: defaults only, so whatever Python sets still wins.
function themeTemplate(box) {
  const style = getComputedStyle(box);
  const color = (name) => style.getPropertyValue(`--st-${name}`).trim();
  const [text, line, grid] = ["text-color", "border-color", "border-color-light"].map(color);
  const [page, raised] = ["background-color", "secondary-background-color"].map(color);
  const font = { family: color("font"), color: text };
  const axis = {
    gridcolor: grid, linecolor: line, tickcolor: line, zerolinecolor: line, spikecolor: text,
  };
  const clear = "rgba(0,0,0,0)";
  const layout = {
    font, xaxis: axis, yaxis: axis, paper_bgcolor: clear, plot_bgcolor: clear,
    legend: { bgcolor: clear },
    hoverlabel: { bgcolor: page, bordercolor: line, font },
    modebar: { bgcolor: raised, color: text, activecolor: color("primary-color") },
    shapedefaults: { line: { color: text } },
    annotationdefaults: { font, arrowcolor: text },
  };
  const colorbar = { outlinewidth: 0, thickness: 12 };
  return { layout: { ...layout, coloraxis: { colorbar } }, data: { heatmap: [{ colorbar }] } };
}

const ON_DARK = { "#0072B2": "#56B4E9" }; // the blue of queries, as text: 3.5 : 1 on a dark page

// Colour scales start from the page's own colour, so a figure may bring a second one for dark pages.
function darkScale(layout, template) {
  const paint = document.createElement("canvas").getContext("2d");
  paint.fillStyle = template.layout.font.color; // any CSS colour reads back as #rrggbb
  const lightText = parseInt(paint.fillStyle.slice(3, 5), 16) > 127;
  if (!lightText) return;
  if (layout.meta?.dark) layout.coloraxis.colorscale = layout.meta.dark;
  for (const title of [layout.title, layout.xaxis?.title, layout.yaxis?.title]) {
    const lighter = ON_DARK[title?.font?.color];
    if (lighter) title.font.color = lighter;
  }
}

// A float32 prints with the fewest digits that read back as the same float32.
function digits(value, array) {
  if (!(array instanceof Float32Array) || !Number.isFinite(value)) return value;
  const enough = [6, 7, 8, 9].find((n) => Math.fround(value.toPrecision(n)) === value);
  return Number(value.toPrecision(enough));
}

function csv(plot) {
  const quote = (v) => (/[",\n]/.test(v) ? `"${String(v).replaceAll('"', '""')}"` : v ?? "");
  const title = (axis) => plot.layout[axis]?.title?.text;
  const cells = plot._fullData.some((trace) => trace.z);
  const rows = [["series", title("xaxis") ?? "x", title("yaxis") ?? "y", ...(cells ? ["z"] : [])]];
  for (const { name, x, y, z } of plot._fullData) {
    const at = (list, i) => (list ? digits(list[i], list) : i); // no list: plotly counts from 0
    if (z) z.forEach((r, i) => r.forEach((_, j) => rows.push([name, at(x, j), at(y, i), at(r, j)])));
    else for (let i = 0; i < (y ?? []).length; i++) rows.push([name, at(x, i), at(y, i)]);
  }
  return rows.map((row) => row.map(quote).join(",")).join("\n") + "\n";
}

function saveCsv(plot, name) {
  const url = URL.createObjectURL(new Blob([csv(plot)], { type: "text/csv" }));
  Object.assign(document.createElement("a"), { href: url, download: `${name}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// On the page's own background: a transparent picture is unreadable on the other theme's slide.
function savePicture(Plotly, plot, name, format) {
  const page = getComputedStyle(plot).getPropertyValue("--st-background-color").trim();
  const { width, height } = plot._fullLayout;
  const layout = { ...plot.layout, paper_bgcolor: page };
  const size = { format, scale: format === "png" ? 2 : 1, filename: name, width, height };
  return Plotly.downloadImage({ data: plot.data, layout }, size);
}

// Made once per figure: given another object, Plotly.react would build everything anew.
function makeConfig(Plotly, name) {
  const button = (title, icon, click) => ({ name: title, title, icon, click });
  const save = (format) => (plot) => savePicture(Plotly, plot, name, format);
  return {
    displaylogo: false,
    // where nothing hovers, as on a phone, buttons would stay over the figure: there are none
    displayModeBar: matchMedia("(hover: none)").matches ? false : "hover",
    modeBarButtons: [[
      button("Download as PNG", Plotly.Icons.camera, save("png")),
      button("Download as SVG, for slides and papers", Plotly.Icons.pencil, save("svg")),
      button("Download data as CSV", Plotly.Icons.disk, (plot) => saveCsv(plot, name)),
      "resetScale2d",
    ]],
  };
}

function listen(box, plot) {
  plot.on("plotly_click", ({ points: [p] }) => {
    const { x, y, z, customdata, curveNumber: curve, pointNumber: point } = p;
    box.closest(".ultimus-board").send("click", { x, y, z, curve, point, customdata });
  });
}

// A legend above the plot takes a second row in a narrow window: room for what exceeds one row.
const legendExcess = (plot) => Math.max(0, Math.ceil((plot._fullLayout.legend?._height ?? 0) - 30));

// Plotly drops a zoom when the figure's own range moves, even where uirevision stays the same: so
// a zoomed axis keeps the range it was given. An axis at home has the figure's own.
function holdZoom(live, layout, plot) {
  const { given, home } = live.revision === layout.uirevision ? live : { given: {}, home: {} };
  Object.assign(live, { revision: layout.uirevision, given: {}, home: {} });
  for (const [name, axis] of Object.entries(layout)) {
    if (!/^[xy]axis/.test(name) || !axis.range) continue;
    live.home[name] = [...axis.range];
    const now = `${plot.layout?.[name]?.range}`;
    if (given[name] && now !== `${given[name]}` && now !== `${home[name]}`) axis.range = given[name];
    live.given[name] = [...axis.range];
  }
}

// A double click and "Reset axes" go back to these; by itself plotly goes back to those of the first
// version, in which a curve that has grown since may not be.
function setHome({ home }, { _fullLayout }) {
  for (const [name, [low, high]] of Object.entries(home)) {
    Object.assign(_fullLayout[name] ?? {}, { _rangeInitial0: low, _rangeInitial1: high });
  }
}

// What of a version that others continue is not the numbers of its traces.
function frame({ reach, figure: { layout, data } }) {
  if (reach === undefined) return null;
  return JSON.stringify([layout, data.map(({ x, y, ...rest }) => rest)]);
}

const STROKE = 2; // pixels, about how thick curves are

// How far growing curves have to reach to look longer than they are drawn: by half or by as much as
// they are thick. In a long run few versions do. Those out of sight need not grow, and those not
// drawn yet need whatever there is.
function nextReach({ live, children: [, plot] }) {
  if (!live.near) return Infinity;
  if (live.drawn?.reach === undefined) return -Infinity;
  const { range: [low, high], _length: pixels } = plot._fullLayout.xaxis;
  return live.drawn.reach + Math.min(live.drawn.reach / 2, (STROKE * (high - low)) / pixels);
}

const standsStill = ({ _fullLayout: { xaxis, yaxis } }) => !xaxis.autorange && !yaxis.autorange;

// Draws longer curves on the axes that are there, in a third of the time that drawing all takes.
function grow(Plotly, live, plot) {
  const data = live.part.figure.data.map(({ x, y }) => ({ x, y }));
  live.numbers = null; // plotly writes them into the traces that it has
  const atOnce = { transition: { duration: 0 }, frame: { duration: 0, redraw: false } };
  return Plotly.animate(plot, { data, traces: [...data.keys()] }, { mode: "immediate", ...atOnce });
}

// Draws the newest version, unless it is drawn already or out of sight: a page with a dozen figures
// answers at once, since only those on the screen are drawn anew.
async function draw(Plotly, box) {
  const { live, clientWidth: width } = box;
  const template = themeTemplate(box);
  const look = JSON.stringify([template, width]);
  if (!width || (live.drawn === live.part && live.look === look)) return;
  if (live.drawn && !live.near) return;
  const now = frame(live.part); // before it is written into
  const isAlike = live.look === look && now !== null && now === live.frame;
  const hasGrown = isAlike && live.part.reach >= live.drawn.reach; // less, where a run began anew
  if (hasGrown && live.part.reach < nextReach(box)) return;
  const [note, plot] = box.children;
  Object.assign(live, { drawn: live.part, look, frame: now });
  if (hasGrown && standsStill(plot)) return grow(Plotly, live, plot);
  await drawAll(Plotly, live, plot, template, width);
  if (!note.hidden) listen(box, plot);
  note.hidden = true;
}

// Draws the whole figure, and once more where its legend turns out to need more room.
async function drawAll(Plotly, live, plot, template, width) {
  const { figure, name, height } = live.part;
  const data = sameNumbers(live, figure.data);
  live.config ??= makeConfig(Plotly, name);
  holdZoom(live, figure.layout, plot);
  darkScale(figure.layout, template);
  const fixed = { template, width, height, uirevision: figure.layout.uirevision || name };
  const react = () =>
    Plotly.react(plot, data, layoutOf(figure.layout, fixed, live.excess), live.config);
  await react();
  if (live.excess !== legendExcess(plot)) {
    live.excess = legendExcess(plot);
    await react();
  }
  setHome(live, plot);
}

// The same object as before where the numbers are the same: plotly does not compute it anew.
function sameNumbers(live, data) {
  const numbers = JSON.stringify(data);
  if (live.numbers !== numbers) Object.assign(live, { numbers, data });
  return live.data;
}

// A copy of the figure's layout, since plotly writes into it, with room for a taller legend.
function layoutOf(given, fixed, excess) {
  const layout = { ...structuredClone(given), ...fixed };
  if (layout.margin) layout.margin.t += excess;
  return layout;
}

function startFigure(box) {
  const failed = "This figure cannot be drawn: the app did not serve plotly.min.js. Reload the page.";
  const redraw = () => loadPlotly().then(
    (Plotly) => draw(Plotly, box), () => (box.children[0].textContent = failed));
  const resized = new ResizeObserver(redraw);
  resized.observe(box);
  const seen = new IntersectionObserver((entries) => {
    box.live.near = entries.at(-1).isIntersecting;
    redraw();
  }, { rootMargin: "150px" }); // a little before it comes into sight
  seen.observe(box);
  return { redraw, observers: [resized, seen], near: false, excess: 0, given: {}, home: {} };
}

// Shows a version of the figure in its box; the same one again where the theme has changed.
function showFigure(box, part) {
  if (!box.live) {
    box.role = "img";
    box.innerHTML =
      '<div class="ultimus-note">Loading the figure …</div><div class="ultimus-plot"></div>';
    box.live = startFigure(box);
  }
  box.style.height = `${part.height}px`;
  box.ariaLabel = part.alt;
  box.live.part = part;
  box.live.redraw();
}

function endFigure(box) {
  box.live.observers.forEach((observer) => observer.disconnect());
  window.Plotly?.purge(box.children[1]);
}
