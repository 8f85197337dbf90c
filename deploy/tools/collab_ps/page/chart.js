// What every drawing of the page is made of, and the line chart: axes, bands, lines, and a tip with the values.
//
//   report -> page.js -> series {label, colour, kind, mark, x, mean, low, high} -> LineChart -> svg and tip
//
// Everything is made with createElement and textContent, so that no name in the data can be anything but text.
"use strict";

const SVG_SPACE = "http://www.w3.org/2000/svg";
const SVG_NAMES = new Set(["svg", "path", "line", "text", "g", "circle", "rect", "title", "clipPath"]);
const MANY = 8; // curves beyond which only the marked ones are drawn in full, and a tip is cut
const TIP_ROWS = 9;

function element(name, attributes = {}, ...children) {
  const made = SVG_NAMES.has(name) ? document.createElementNS(SVG_SPACE, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const known = (value) => value !== null && value !== undefined;
const minus = (text) => text.replace("-", "\u2212");
const loss = (value) => (known(value) ? minus(value.toFixed(4)) : "–");
const signed = (value) => (known(value) ? minus((value > 0 ? "+" : "") + value.toFixed(4)) : "–");
const seconds = (value) => (known(value) ? value.toFixed(value < 100 ? 2 : 0) : "–");
const swatch = (kind, colour) => element("span", { class: `swatch ${kind || ""}`.trim(),
  style: `color:${colour}` });
const tags = (mark) => (mark || "").split(" ").filter(Boolean)
  .map((word) => element("span", { class: `tag ${word}` }, word));

// Least and largest of values, which may be too many to be arguments.
function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!known(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

// About count round numbers from low to high, and the digits they need behind the point.
function ticks(low, high, count) {
  const rough = (high - low) / Math.max(count, 1) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const values = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) values.push(i * step);
  return { values, digits: Math.min(20, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))) };
}

// The index of the point of xs that stands for x: the nearest one, if x lies within half a step of it.
function pointAt(xs, x) {
  let near = 0;
  for (let i = 1; i < xs.length; i++) if (Math.abs(xs[i] - x) < Math.abs(xs[near] - x)) near = i;
  const step = xs.length > 1 ? Math.abs(xs[1] - xs[0]) : 1;
  return Math.abs(xs[near] - x) <= step * 0.501 ? near : -1;
}

// Calls back when holder gets another width.
function watchWidth(holder, callback) {
  let last = holder.clientWidth;
  new ResizeObserver(() => {
    if (holder.clientWidth && holder.clientWidth !== last) {
      last = holder.clientWidth;
      callback();
    }
  }).observe(holder);
}

// A chart in holder, drawn anew at each width. A series' kind says how its range is drawn: "band",
// "outline" (a reference among others), "plain" (a reference beneath) or "whiskers" (above one); its mark,
// "lowest", "baseline" or both words, lets it stand out among many.
class LineChart {
  static count = 0;

  // options: label, what a screen reader calls it; height(width); yLabel; format of values; bare, no x label.
  constructor(holder, options) {
    Object.assign(this, { holder, options: { format: loss, ...options }, series: [], at: null, chosen: null });
    this.clip = `clip-${LineChart.count++}`;
    this.tip = element("div", { class: "tip", role: "status", hidden: "" });
    this.svg = element("svg", { role: "application", "aria-roledescription": "chart", tabindex: "0",
      "aria-label": `${options.label}; arrow keys show the values` });
    holder.append(this.svg, this.tip);
    this.listen();
    watchWidth(holder, () => this.draw());
  }

  // Shows series. more: xLabel, title(x) of a tip; limits, those of the series that the y axis must hold,
  // others are cut; moments, whether what was last known at x counts, as with points in time.
  set(series, more) {
    Object.assign(this, { limits: null, moments: false, ...more, series: series.filter((s) => s.x.length) });
    this.stops = [...new Set(this.series.flatMap((s) => s.x))].sort((a, b) => a - b);
    this.draw();
  }

  // ---- drawing ----

  draw() {
    const { svg, holder, options } = this;
    this.hide();
    this.width = holder.clientWidth || 640;
    this.height = options.height(this.width);
    svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    svg.setAttribute("height", this.height);
    svg.classList.toggle("many", this.series.length > MANY);
    svg.replaceChildren();
    this.drawn = new Map();
    if (!this.series.length) return;
    this.measure();
    this.layer = element("g", { "clip-path": `url(#${this.clip})` });
    this.overlay = element("g", { "pointer-events": "none" });
    svg.append(this.clipPath(), ...this.axes(), this.layer, this.overlay);
    for (const series of [...this.series].sort((a, b) => Boolean(a.mark) - Boolean(b.mark))) {
      this.drawn.set(series.label, this.line(series));
      this.layer.append(this.drawn.get(series.label));
    }
  }

  // Where data lies on paper: this.x and this.y, within this.frame.
  measure() {
    const limits = this.limits?.length ? this.limits : this.series;
    let [x0, x1] = extent(this.stops);
    let [y0, y1] = extent(limits.flatMap((s) => [...s.low, ...s.high, ...s.mean]));
    this.single = x0 === x1;
    if (this.single) [x0, x1] = [x0 - 0.5, x1 + 0.5];
    const margin = (y1 - y0) * 0.05 || Math.abs(y1) * 0.01 || 0.01;
    this.across = ticks(x0, x1, Math.min(Number.isInteger(this.stops[0]) ? x1 - x0 : 99, this.width / 90));
    this.up = ticks(y0 - margin, y1 + margin, Math.max(4, this.height / 45));
    const digits = Math.max(...this.up.values.map((v) => this.tick(v, this.up.digits).length), 4);
    const frame = (this.frame = { left: 14 + 7 * digits, right: this.width - 12, top: 26,
      bottom: this.height - (this.options.bare ? 22 : 40) });
    this.x = (v) => frame.left + ((v - x0) / (x1 - x0)) * (frame.right - frame.left);
    this.y = (v) => frame.bottom - ((v - y0 + margin) / (y1 - y0 + 2 * margin)) * (frame.bottom - frame.top);
    this.unX = (pixel) => x0 + ((pixel - frame.left) / (frame.right - frame.left)) * (x1 - x0);
  }

  tick(value, digits) {
    return minus((this.options.format === signed && value > 0 ? "+" : "") + value.toFixed(digits));
  }

  clipPath() {
    const { left, right, top, bottom } = this.frame;
    return element("clipPath", { id: this.clip },
      element("rect", { x: left - 6, y: top - 6, width: right - left + 12, height: bottom - top + 12 }));
  }

  axes() {
    const { frame, up, across } = this;
    const made = [element("text", { x: 2, y: 12, class: "axis" }, this.options.yLabel || "")];
    for (const v of up.values) {
      const y = this.y(v), zero = this.options.format === signed && Math.abs(v) < 1e-12;
      made.push(element("line", { class: zero ? "zero" : "grid", x1: frame.left, x2: frame.right, y1: y, y2: y }),
        element("text", { x: frame.left - 8, y: y + 4, "text-anchor": "end" }, this.tick(v, up.digits)));
    }
    for (const v of across.values.filter((value) => !this.single || value === this.stops[0])) {
      made.push(element("text", { x: this.x(v), y: frame.bottom + 18, "text-anchor": "middle" },
        v.toFixed(across.digits)));
    }
    if (!this.options.bare) {
      made.push(element("text", { x: (frame.left + frame.right) / 2, y: frame.bottom + 35, class: "axis",
        "text-anchor": "middle" }, this.xLabel));
    }
    return made;
  }

  // x of a series' point on paper; where all have but one point, they stand side by side.
  place(series, i) {
    if (!this.single) return this.x(series.x[i]);
    const rank = this.series.indexOf(series) - (this.series.length - 1) / 2;
    return this.x(series.x[i]) + rank * Math.min(28, (this.frame.right - this.frame.left) / this.series.length);
  }

  line(series) {
    const points = series.x.map((_, i) => i).filter((i) => known(series.mean[i]));
    const path = (column) => points.map((i) =>
      `${this.place(series, i).toFixed(1)} ${this.y(series[column][i]).toFixed(1)}`);
    const { colour, kind } = series, made = element("g", { class: `series ${kind} ${series.mark || ""}`.trim() });
    if (kind === "whiskers" || points.length === 1) {
      for (const i of points) {
        const x = this.place(series, i);
        made.append(element("line", { class: "whisker", x1: x, x2: x, y1: this.y(series.low[i]),
          y2: this.y(series.high[i]), stroke: colour }));
      }
    } else {
      made.append(element("path", { class: "band", style: kind === "outline" ? `stroke:${colour}` : `fill:${colour}`,
        d: `M${path("high").join("L")}L${path("low").reverse().join("L")}Z` }));
    }
    made.append(element("path", { class: "mean", stroke: colour, d: `M${path("mean").join("L")}` }));
    if (points.length <= 30 && kind !== "plain") {
      made.append(...points.map((i) => this.dot(series, i, 3)));
    }
    return made;
  }

  dot(series, i, r) {
    return element("circle", { cx: this.place(series, i), cy: this.y(series.mean[i]), r, stroke: series.colour,
      fill: series.colour });
  }

  // ---- values ----

  // What each series says at x, the least first.
  rowsAt(x) {
    const rows = [];
    for (const series of this.series) {
      const i = this.moments ? series.x.findLastIndex((v) => v <= x * (1 + 1e-12)) : pointAt(series.x, x);
      if (i >= 0 && known(series.mean[i])) rows.push({ series, i, value: series.mean[i] });
    }
    return rows.sort((a, b) => a.value - b.value);
  }

  // Shows the values at x, which is snapped to the nearest point there is; y, on paper, picks a curve.
  show(x, y = null) {
    if (!this.stops?.length) return;
    this.at = this.stops.reduce((a, b) => (Math.abs(b - x) < Math.abs(a - x) ? b : a));
    const rows = this.rowsAt(this.at);
    if (y !== null) this.choose(this.nearestTo(rows, y), this.series.length > MANY);
    const { top, bottom } = this.frame, cursor = this.x(this.at);
    this.overlay.replaceChildren(element("line", { class: "cursor", x1: cursor, x2: cursor, y1: top, y2: bottom }),
      ...rows.filter((row) => this.y(row.value) >= top - 6 && this.y(row.value) <= bottom + 6)
        .map(({ series, i }) => this.dot(series, i, series.label === this.chosen ? 5.5 : 4)));
    this.fillTip(rows);
    this.placeTip(cursor);
  }

  hide() {
    this.at = null;
    this.tip.hidden = true;
    this.overlay?.replaceChildren();
    this.choose(null);
  }

  // The label of the curve that passes nearest to y, if it passes near.
  nearestTo(rows, y) {
    const away = (row) => Math.abs(this.y(row.value) - y);
    const near = rows.length ? rows.reduce((a, b) => (away(b) < away(a) ? b : a)) : null;
    return near && away(near) < 40 ? near.series.label : null;
  }

  // Brings out one curve; dim lets the others step back.
  choose(label, dim = true) {
    const chosen = this.drawn?.get(label);
    this.chosen = chosen ? label : null;
    this.svg.classList.toggle("dim", Boolean(chosen && dim));
    for (const [name, drawn] of this.drawn || []) drawn.classList.toggle("chosen", name === label);
    if (chosen) this.layer.append(chosen);
  }

  // The chosen row, those next to it and the marked ones, where there are too many for a tip.
  cutRows(rows) {
    if (rows.length <= TIP_ROWS) return rows;
    const centre = Math.max(rows.findIndex((row) => row.series.label === this.chosen), 0);
    const away = (row) => (row.series.mark ? -1 : Math.abs(rows.indexOf(row) - centre));
    const kept = new Set([...rows].sort((a, b) => away(a) - away(b)).slice(0, TIP_ROWS));
    return rows.filter((row) => kept.has(row));
  }

  fillTip(rows) {
    const shown = this.cutRows(rows), { format } = this.options;
    const lines = shown.map(({ series, i, value }) => element("tr",
      { class: series.label === this.chosen ? "chosen" : null },
      element("td", {}, swatch(series.kind, series.colour)),
      element("td", { class: "label" }, series.label, ...tags(series.mark)),
      element("td", {}, format(value)),
      element("td", { class: "range" },
        series.low[i] === series.high[i] ? "" : `${format(series.low[i])} to ${format(series.high[i])}`)));
    const rest = rows.length - shown.length;
    this.tip.replaceChildren(element("b", {}, this.title(this.at)),
      element("table", {}, element("tbody", {}, ...lines)), rest ? element("i", {}, `and ${rest} more`) : "");
    this.tip.hidden = false;
  }

  placeTip(cursor) {
    const wide = this.tip.offsetWidth, left = cursor + 14;
    const beside = left + wide < this.width ? left : Math.min(cursor - 14 - wide, this.width - wide);
    this.tip.style.left = `${Math.max(0, beside)}px`;
  }

  // ---- pointer and keys ----

  listen() {
    const { svg } = this;
    const pointed = (event) => this.pointed(event);
    svg.addEventListener("pointermove", pointed);
    svg.addEventListener("pointerdown", pointed);
    // A finger leaves when it is lifted; what it asked for stays until the next touch elsewhere.
    svg.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && this.hide());
    svg.addEventListener("pointercancel", () => this.hide());
    svg.addEventListener("blur", () => this.hide());
    svg.addEventListener("keydown", (event) => this.pressed(event));
    document.addEventListener("pointerdown", (event) => !svg.contains(event.target) && this.hide());
  }

  pointed(event) {
    if (!this.series.length) return;
    const box = this.svg.getBoundingClientRect(), scale = this.width / box.width;
    this.show(this.unX((event.clientX - box.left) * scale), (event.clientY - box.top) * scale);
  }

  // Left and right go through the points, up and down through the curves.
  pressed(event) {
    const along = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    const over = { ArrowDown: -1, ArrowUp: 1 }[event.key];
    if (event.key === "Escape") this.hide();
    if ((!along && !over) || !this.stops?.length) return;
    event.preventDefault();
    const last = this.stops.length - 1;
    const now = this.at === null ? (along > 0 ? -1 : last + 1) : this.stops.indexOf(this.at);
    const next = Math.min(Math.max(now + (along || 0), 0), last);
    if (over) {
      const rows = this.rowsAt(this.stops[next]), place = rows.findIndex((row) => row.series.label === this.chosen);
      const row = rows[place < 0 ? 0 : Math.min(Math.max(place + over, 0), rows.length - 1)];
      this.choose(row?.series.label ?? null, this.series.length > MANY);
    }
    this.show(this.stops[next]);
  }
}
