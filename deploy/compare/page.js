// Draws the report that stands beside this script in the page. Everything is made with createElement and
// textContent, so that no name in the data can be anything but text.
"use strict";

const report = JSON.parse(document.getElementById("data").textContent);
const metric = report.metric;
const byId = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "text", "g", "circle", "rect", "tspan", "title"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const minus = (text) => text.replace("-", "\u2212");
const loss = (value) => (value === null || value === undefined ? "–" : value.toFixed(4));
const signed = (value) => (value === null ? "–" : minus((value > 0 ? "+" : "") + value.toFixed(4)));
const seconds = (value) => (value === null || value === undefined ? "–" : value < 100 ? value.toFixed(2) : value.toFixed(0));

// About count round numbers from low to high.
function ticks(low, high, count) {
  const rough = (high - low) / Math.max(count, 1) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step);
  return { values: found, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

// ---- line chart --------------------------------------------------------------------------------------------

// A chart of series {label, colour, dashed, x, mean, low, high} in holder, drawn anew at each width.
function lineChart(holder, options) {
  const state = { series: [], width: 0, at: null };
  const tip = element("div", { class: "tip", hidden: "" });
  const svg = element("svg", { role: "img", tabindex: "0", "aria-label": options.label });
  holder.append(svg, tip);

  function draw() {
    const width = (state.width = holder.clientWidth || 640);
    const height = options.height(width);
    const frame = (state.frame = { left: 52, right: width - 10, top: 10, bottom: height - 38 });
    const shown = state.series.filter((series) => series.x.length);
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("height", height);
    if (!shown.length) return;
    const xs = shown.flatMap((s) => s.x);
    const ys = shown.flatMap((s) => [...s.low, ...s.high, ...s.mean]).filter((v) => v !== null);
    let [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    if (x1 === x0) [x0, x1] = [x0 - 0.5, x1 + 0.5];
    const margin = (y1 - y0) * 0.04 || 0.01;
    [y0, y1] = [y0 - margin, y1 + margin];
    state.x = (v) => frame.left + ((v - x0) / (x1 - x0)) * (frame.right - frame.left);
    state.y = (v) => frame.bottom - ((v - y0) / (y1 - y0)) * (frame.bottom - frame.top);
    drawAxes(svg, state, [x0, x1, y0, y1], options, state.xLabel);
    for (const series of shown) svg.append(drawSeries(series, state));
    svg.append((state.overlay = element("g", { "pointer-events": "none" })));
  }

  function hide() {
    state.at = null;
    tip.hidden = true;
    state.overlay?.replaceChildren();
  }

  // Shows the values at x, which is snapped to the nearest point there is.
  function show(x) {
    const points = [...new Set(state.series.flatMap((s) => s.x))];
    if (!points.length) return;
    const near = points.reduce((a, b) => (Math.abs(b - x) < Math.abs(a - x) ? b : a));
    state.at = near;
    const rows = state.series
      .map((series) => {
        const i = series.x.reduce((a, v, k) => (Math.abs(v - near) < Math.abs(series.x[a] - near) ? k : a), 0);
        return { series, i, value: series.mean[i] };
      })
      .filter((row) => row.value !== null && row.value !== undefined)
      .sort((a, b) => a.value - b.value);
    state.overlay.replaceChildren(
      element("line", { class: "cursor", x1: state.x(near), x2: state.x(near), y1: state.frame.top, y2: state.frame.bottom }),
      ...rows.map(({ series, i, value }) =>
        element("circle", { cx: state.x(series.x[i]), cy: state.y(value), r: 4, fill: series.colour })),
    );
    fillTip(tip, rows, state.tipTitle(near));
    tip.hidden = false;
    const left = state.x(near) + 14;
    const fits = left + tip.offsetWidth < state.width;
    tip.style.left = `${Math.max(0, fits ? left : Math.min(state.x(near) - 14 - tip.offsetWidth, state.width - tip.offsetWidth))}px`;
  }

  const pointed = (event) => {
    const box = svg.getBoundingClientRect();
    const share = ((event.clientX - box.left) * (state.width / box.width) - state.frame.left) / (state.frame.right - state.frame.left);
    const xs = state.series.flatMap((s) => s.x);
    if (xs.length) show(Math.min(...xs) + share * (Math.max(...xs) - Math.min(...xs)));
  };
  svg.addEventListener("pointermove", pointed);
  svg.addEventListener("pointerdown", pointed);
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", (event) => {
    const points = [...new Set(state.series.flatMap((s) => s.x))].sort((a, b) => a - b);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") hide();
    if (!step || !points.length) return;
    event.preventDefault();
    const now = state.at === null ? (step > 0 ? -1 : points.length) : points.indexOf(state.at);
    show(points[Math.min(Math.max(now + step, 0), points.length - 1)]);
  });
  watchWidth(holder, () => { hide(); draw(); });
  return (series, xLabel, tipTitle) => { Object.assign(state, { series, xLabel, tipTitle }); hide(); draw(); };
}

// Calls back when holder gets another width, and when the page is laid out for paper.
function watchWidth(holder, callback) {
  let last = 0;
  const check = () => {
    if (holder.clientWidth && holder.clientWidth !== last) { last = holder.clientWidth; callback(); }
  };
  new ResizeObserver(check).observe(holder);
  addEventListener("beforeprint", check);
}

function drawAxes(svg, state, [x0, x1, y0, y1], options, xLabel) {
  const { frame } = state;
  const across = ticks(x0, x1, Math.min(options.wholeX ? x1 - x0 : 99, state.width / 90));
  const up = ticks(y0, y1, options.height(state.width) / 55);
  for (const v of up.values) {
    svg.append(element("line", { class: "grid", x1: frame.left, x2: frame.right, y1: state.y(v), y2: state.y(v) }),
      element("text", { x: frame.left - 7, y: state.y(v) + 4, "text-anchor": "end" }, v.toFixed(up.digits)));
  }
  for (const v of across.values) {
    svg.append(element("text", { x: state.x(v), y: frame.bottom + 17, "text-anchor": "middle" }, v.toFixed(across.digits)));
  }
  svg.append(element("text", { x: (frame.left + frame.right) / 2, y: frame.bottom + 34, "text-anchor": "middle" }, xLabel));
}

function drawSeries(series, { x, y }) {
  const points = series.x.map((v, i) => i).filter((i) => series.mean[i] !== null);
  const path = (column) => points.map((i) => `${x(series.x[i]).toFixed(1)} ${y(series[column][i]).toFixed(1)}`);
  const group = element("g", { class: "series" });
  if (points.length > 1 || series.low[0] !== series.high[0]) {
    group.append(element("path", { class: "band", style: `fill:${series.colour}`,
      d: `M${path("high").join("L")}L${path("low").reverse().join("L")}Z` }));
  }
  group.append(element("path", { stroke: series.colour, "stroke-dasharray": series.dashed ? "6 4" : null, d: `M${path("mean").join("L")}` }));
  if (points.length <= 30) {
    for (const i of points) group.append(element("circle", { cx: x(series.x[i]), cy: y(series.mean[i]), r: series.dashed ? 2 : 2.8, fill: series.colour }));
  }
  return group;
}

function fillTip(tip, rows, title) {
  const lines = rows.map(({ series, i, value }) => element("tr", {},
    element("td", {}, element("span", { class: "swatch" + (series.dashed ? " dashed" : ""), style: `color:${series.colour}` })),
    element("td", {}, series.label), element("td", {}, loss(value)),
    element("td", {}, series.low[i] === series.high[i] ? "" : `${loss(series.low[i])} to ${loss(series.high[i])}`)));
  tip.replaceChildren(element("b", {}, title), element("table", {}, element("tbody", {}, ...lines)));
}

// ---- the main chart and its controls -----------------------------------------------------------------------

const view = { loss: "valid", x: "epoch", part: "all", hidden: new Set() };

// The series of a group in the view chosen; empty where the group knows none.
function seriesOf(group, { loss: column, x, part }) {
  const empty = { x: [], mean: [], low: [], high: [] };
  const band = (column === "steps" ? group.steps : group[column]) || empty;
  let xs = column === "steps" ? band.x : band.mean.map((_, i) => i);
  if (x === "time") xs = group.clock && column !== "steps" ? group.clock : group.clock ? xs.map((e) => e * group.clock[group.clock.length - 1] / group.clock.length) : [];
  const epochs = group.valid.mean.length;
  const position = (i) => (column === "steps" ? band.x[i] / epochs : (i + 1) / epochs);
  const kept = xs.map((_, i) => i).filter((i) => part === "all" || position(i) > 0.5);
  const pick = (values) => kept.map((i) => values[i]);
  return { label: group.label, colour: group.colour, dashed: group.reference, x: pick(xs), mean: pick(band.mean), low: pick(band.low), high: pick(band.high) };
}

function makeChoice(name, choices, redraw) {
  const buttons = choices.map(([value, text]) => element("button", { type: "button", "data-value": value, onclick: () => { view[name] = value; mark(); redraw(); } }, text));
  const mark = () => buttons.forEach((button) => button.setAttribute("aria-pressed", button.dataset.value === view[name]));
  mark();
  return element("span", { class: "choice", role: "group" }, ...buttons);
}

function setUpCurves() {
  const set = lineChart(byId("chart"), { label: "loss curves of all groups", height: (w) => Math.max(260, Math.min(420, w * 0.5)), wholeX: true });
  const redraw = () => {
    const series = report.groups.filter((group) => !view.hidden.has(group.label)).map((group) => seriesOf(group, view));
    const time = view.x === "time";
    set(series, time ? "seconds" : "epoch", (x) => (time ? `${seconds(x)} s` : `epoch ${Number(x.toFixed(2))}`));
  };
  const losses = [["valid", "valid loss"], ["train", "train loss"]];
  if (report.groups.some((group) => group.steps)) losses.push(["steps", "step loss"]);
  byId("controls").append(makeChoice("loss", losses, redraw));
  if (report.groups.some((group) => group.clock)) byId("controls").append(makeChoice("x", [["epoch", "by epoch"], ["time", "by time"]], redraw));
  if (report.groups.some((group) => group.valid.mean.length > 3)) byId("controls").append(makeChoice("part", [["all", "whole run"], ["end", "last half"]], redraw));
  byId("legend").append(...report.groups.map((group) => legendButton(group, redraw)));
  redraw();
}

function legendButton(group, redraw) {
  const button = element("button", { type: "button", "aria-pressed": "true", onclick: () => {
    if (!view.hidden.delete(group.label)) view.hidden.add(group.label);
    button.setAttribute("aria-pressed", String(!view.hidden.has(group.label)));
    redraw();
  } }, element("span", { class: "swatch" + (group.reference ? " dashed" : ""), style: `color:${group.colour}` }), group.label);
  return button;
}

// ---- differences to the baseline ---------------------------------------------------------------------------

// What an interval says in one word, also the name of its colour.
const told = (gap) => (!gap || gap.low === null ? "" : gap.high < 0 ? "lower" : gap.low > 0 ? "higher" : "");

function intervalText(gap) {
  if (!gap) return "";
  if (gap.low === null) return `${signed(gap.mean)} (too few seeds)`;
  return `${signed(gap.mean)} (${signed(gap.low)} to ${signed(gap.high)})`;
}

// Groups far off would press the others onto the zero line: beyond a few times the middle difference
// an arrow at the edge stands for the rest.
function reach(gaps) {
  const sizes = gaps.map((gap) => Math.abs(gap.mean)).sort((a, b) => a - b);
  const limit = 4 * sizes[Math.floor((sizes.length - 1) / 2)];
  const ends = gaps.flatMap((gap) => [gap.low ?? gap.mean, gap.high ?? gap.mean]);
  return [Math.max(Math.min(0, ...ends), -limit), Math.min(Math.max(0, ...ends), limit)];
}

function setUpForest() {
  const groups = report.groups.filter((group) => group.difference);
  if (!groups.length) return;
  byId("differences").hidden = false;
  const kinds = new Set(groups.map((group) => group.difference.kind));
  byId("forest-note").textContent = `Of the ${metric === "best" ? "best" : "last"} valid loss to '${report.baseline}', with 95 % intervals. ` +
    (kinds.has("paired") ? "Runs of equal seed share split, start and order and are compared pair by pair. " : "") +
    (kinds.has("unpaired") ? "Where no seeds are shared, two samples are compared. " : "") +
    "Left is better; an interval that spans the line tells nothing apart.";
  watchWidth(byId("forest"), () => drawForest(byId("forest"), groups));
  drawForest(byId("forest"), groups);
}

function drawForest(holder, groups) {
  const width = holder.clientWidth || 640, narrow = width < 560, row = narrow ? 46 : 28;
  const names = narrow ? 0 : Math.min(240, 24 + 7.4 * Math.max(...groups.map((group) => group.label.length)));
  const frame = { left: names + 8, right: narrow ? width - 8 : width - 215, top: 6, bottom: 6 + row * groups.length };
  const [low, high] = reach(groups.map((group) => group.difference)).map((end, i, ends) => end + (i ? 1 : -1) * 0.04 * (ends[1] - ends[0] || 0.01));
  const x = (v) => frame.left + ((v - low) / (high - low)) * (frame.right - frame.left);
  const svg = element("svg", { viewBox: `0 0 ${width} ${frame.bottom + 24}`, height: frame.bottom + 24, role: "img", "aria-label": "differences to the baseline" });
  const axis = ticks(low, high, (frame.right - frame.left) / 80);
  for (const v of axis.values) {
    const zero = Math.abs(v) < 1e-12;
    svg.append(element("line", { class: zero ? "zero" : "grid", x1: x(v), x2: x(v), y1: frame.top, y2: frame.bottom }),
      element("text", { x: x(v), y: frame.bottom + 17, "text-anchor": "middle" }, minus(v.toFixed(axis.digits))));
  }
  groups.forEach((group, i) => svg.append(forestRow(group, frame.top + row * i, { width, narrow, row, frame, low, high, x })));
  holder.replaceChildren(svg);
}

function forestRow(group, top, { width, narrow, row, frame, low, high, x }) {
  const gap = group.difference, y = top + (narrow ? row - 12 : row / 2), held = (v) => Math.min(Math.max(v, low), high);
  const made = element("g", { class: "interval" }, element("title", {}, `${group.label}: ${intervalText(gap)}`));
  made.append(element("text", { class: "name", x: narrow ? 4 : frame.left - 14, y: narrow ? top + 16 : y + 4, "text-anchor": narrow ? "start" : "end" }, group.label));
  made.append(element("text", { class: told(gap), x: width - 4, y: narrow ? top + 16 : y + 4, "text-anchor": "end" }, intervalText(gap)));
  const marks = element("g", { class: "series" });
  if (gap.low !== null) marks.append(element("line", { x1: x(held(gap.low)), x2: x(held(gap.high)), y1: y, y2: y, stroke: group.colour, "stroke-width": 3, "stroke-linecap": "round" }));
  const out = gap.mean > high ? 1 : gap.mean < low ? -1 : 0;
  if (out) marks.append(element("path", { d: `M${x(held(gap.mean))} ${y}l${-9 * out} -5v10Z`, style: `fill:${group.colour}` }));
  else marks.append(element("circle", { cx: x(gap.mean), cy: y, r: 5, fill: group.colour }));
  made.append(marks);
  return made;
}

// ---- beside the reference ----------------------------------------------------------------------------------

function setUpBeside() {
  const whole = { loss: "valid", x: "epoch", part: "all" };
  for (const group of report.groups.filter((candidate) => candidate.beside)) {
    const partner = report.groups.find((candidate) => candidate.label === group.beside.label);
    const { outside, difference } = group.beside;
    const holder = element("div", { class: "chart" });
    const text = outside.length ? `mean outside the reference's range at epoch ${outside.join(", ")}` : "mean within the reference's range at every epoch";
    byId("panels").append(element("div", {}, element("h3", {}, group.label), holder,
      element("p", { class: "note" }, `${text}${difference ? `; difference ${intervalText(difference)}` : ""}`)));
    byId("beside").hidden = false;
    const set = lineChart(holder, { label: `${group.label} beside ${partner.label}`, height: () => 210, wholeX: true });
    set([{ ...seriesOf(partner, whole), colour: "#808890" }, seriesOf(group, whole)], "epoch", (x) => `epoch ${x}`);
  }
}

// ---- tables ------------------------------------------------------------------------------------------------

// A table of rows; a column is {head, text(row), key(row), left}. Headings sort by key, absent values last.
function fillTable(table, columns, rows, decorate = () => {}) {
  const body = element("tbody");
  let sorted = { column: null, down: false };
  const heads = columns.map((column) => element("th", { class: column.left ? "text" : null, scope: "col" },
    element("button", { type: "button", onclick: () => sort(column) }, column.head)));
  const sort = (column) => {
    sorted = { column, down: sorted.column === column && !sorted.down };
    heads.forEach((head, i) => columns[i] === column ? head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending") : head.removeAttribute("aria-sort"));
    show([...rows].sort((a, b) => order(column.key(a), column.key(b), sorted.down)));
  };
  const show = (list) => body.replaceChildren(...list.map((row) => {
    const line = element("tr", {}, ...columns.map((column) => element("td", { class: [column.left ? "text" : "", column.tone?.(row) || ""].join(" ").trim() || null }, column.text(row))));
    decorate(line, row);
    return line;
  }));
  table.replaceChildren(element("thead", {}, element("tr", {}, ...heads)), body);
  show(rows);
}

// Numbers by size, texts as people count, what is missing behind both.
function order(a, b, down) {
  const missing = (v) => v === null || v === undefined || v === "";
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  const [x, y] = [Number(a), Number(b)];
  const words = Number.isNaN(x) || Number.isNaN(y);
  return (words ? String(a).localeCompare(String(b), undefined, { numeric: true }) : x - y) * (down ? -1 : 1);
}

const column = (head, key, text = (value) => value ?? "–", more = {}) => ({ head, key, text: (row) => text(key(row), row), ...more });

function setUpResults() {
  const own = report.groups.filter((group) => !group.reference && group[metric].mean !== null);
  const lowest = own.reduce((a, b) => (a && a[metric].mean <= b[metric].mean ? a : b), null);
  const name = (label, group) => element("span", {}, element("span", { class: "swatch" + (group.reference ? " dashed" : ""), style: `color:${group.colour}` }), ` ${label}${label === report.baseline ? " (baseline)" : ""}`);
  const columns = [
    column("group", (g) => g.label, name, { left: true }),
    column("seeds", (g) => g.seeds),
    column("valid loss", (g) => g.last.mean, loss),
    column("± sd", (g) => g.last.sd, loss),
    column("best", (g) => g.best.mean, loss),
    column("at epoch", (g) => g.best.at),
    column("train loss", (g) => g.train_last.mean, loss),
    column("difference", (g) => g.difference?.mean, (v) => (v === undefined ? "–" : signed(v)), { tone: (g) => told(g.difference) }),
    column("95 % interval", (g) => g.difference?.low, (v, g) => (g.difference && v !== null ? `${signed(v)} to ${signed(g.difference.high)}` : "–"), { tone: (g) => told(g.difference) }),
    column("pairs", (g) => g.difference?.pairs),
    column("seconds", (g) => g.seconds.mean, seconds),
  ];
  fillTable(byId("results"), columns, report.groups, (line, group) => {
    if (group.label === report.baseline) line.classList.add("baseline");
    if (lowest && own.length > 1 && group.label === lowest.label) line.classList.add("lowest");
  });
}

function setUpOptions() {
  const groups = report.groups.filter((group) => !group.foreign);
  if (report.differing.length) fillTable(byId("differing"), [column("group", (g) => g.label, undefined, { left: true }),
    ...report.differing.map((name) => column(name, (g) => g.options[name], (value) => value ?? "none"))], groups);
  const common = Object.entries(report.common).map(([name, value]) => `${name} ${value}`).join(", ");
  byId("common").textContent = common ? `In common: ${common}.` : "";
  byId("options").hidden = !groups.length;
}

function setUpMachines() {
  const rows = report.machines;
  if (!rows.length) return;
  byId("machines").hidden = false;
  fillTable(byId("machine-table"), [column("runs of", (r) => r.label, undefined, { left: true }), column("runs", (r) => r.runs),
    ...Object.keys(rows[0].machine).map((name) => column(name, (r) => r.machine[name])),
    column("seconds", (r) => r.seconds, seconds), column("ratings/s", (r) => r.ratings_per_s, (v) => (v ? Math.round(v).toLocaleString("en") : "–")),
    column("curves", (r) => r.curves, undefined, { tone: (r) => (r.curves === "differ" ? "higher" : "") })], rows);
}

function setUpRuns() {
  byId("runs-summary").textContent = `${report.runs.length} runs`;
  fillTable(byId("runs"), [column("run", (r) => r.path, undefined, { left: true }), column("group", (r) => r.label, undefined, { left: true }),
    column("seed", (r) => r.seed), column("valid loss", (r) => r.last, loss), column("best", (r) => r.best, loss), column("seconds", (r) => r.seconds, seconds),
    column("curve sha256", (r) => r.curve_sha256, (v) => (v ? v.slice(0, 16) : "–"), { left: true })], report.runs);
  if (!report.skipped.length) return;
  byId("skipped").hidden = false;
  byId("skipped-summary").textContent = `${report.skipped.length} left out`;
  fillTable(byId("skipped-table"), [column("path", (s) => s.path, undefined, { left: true }), column("why", (s) => s.why, undefined, { left: true })], report.skipped);
}

function setUpText() {
  const own = report.groups.filter((group) => !group.reference);
  byId("title").textContent = document.title = report.title || "Comparison of runs";
  const runs = own.reduce((sum, group) => sum + group.runs, 0);
  byId("subtitle").textContent = `${runs} runs in ${own.length} group${own.length > 1 ? "s" : ""}; baseline '${report.baseline}'`;
  byId("verdicts").append(...report.verdicts.map((line) => element("li", {}, line[0].toUpperCase() + line.slice(1) + ".")));
  byId("verdicts").hidden = !report.verdicts.length;
  byId("warnings").append(...report.warnings.map((line) => element("li", {}, line)));
  byId("warnings").hidden = !report.warnings.length;
  byId("footer").textContent = report.command ? `collab-ps compare ${report.command}` : "Written by collab-ps compare.";
}

for (const setUp of [setUpText, setUpCurves, setUpForest, setUpBeside, setUpResults, setUpOptions, setUpMachines, setUpRuns]) setUp();
document.documentElement.dataset.ready = "yes";
