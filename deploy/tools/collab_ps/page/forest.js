// The differences to the baseline with their intervals, the lowest first: one row of HTML a group, whose marks
// are placed in percent, so that nothing is drawn anew when the page gets another width.
//
//   report.groups[].difference -> rows of name, strip, text
"use strict";

// What an interval says in one word, also the name of its colour.
const told = (gap) => (!gap || !known(gap.low) ? "" : gap.high < 0 ? "lower" : gap.low > 0 ? "higher" : "");

function intervalText(gap) {
  if (!known(gap.low)) return `${signed(gap.mean)} (${gap.lacks === "variance" ? "no variance" : "too few seeds"})`;
  return `${signed(gap.mean)} (${signed(gap.low)} to ${signed(gap.high)})`;
}

// The ends of the axis. Groups far above would press the others onto the zero line: beyond a few times the
// middle difference an arrow at the edge stands for the rest. What lies below is what is looked for, and stays.
function reach(gaps) {
  const sizes = gaps.map((gap) => Math.abs(gap.mean)).sort((a, b) => a - b);
  const [low, high] = extent([0, ...gaps.flatMap((gap) => [gap.mean, gap.low, gap.high])]);
  const cut = Math.min(high, Math.max(4 * sizes[Math.floor((sizes.length - 1) / 2)], -low));
  const margin = (cut - low) * 0.04 || 0.001;
  return [low - margin, cut + margin];
}

// x as a place on a strip from low to high, in percent.
const placer = (low, high) => (x) =>
  `${(((Math.min(Math.max(x, low), high) - low) / (high - low)) * 100).toFixed(2)}%`;

const strip = (...children) => element("span", { class: "strip" },
  element("svg", { "aria-hidden": "true" }, ...children));

const gridLines = (axis, at) => axis.values.map((v) => element("line",
  { class: Math.abs(v) < 1e-12 ? "zero" : "grid", x1: at(v), x2: at(v), y1: 0, y2: "100%" }));

// A dot with its interval, or an arrow at the edge.
function marks(group, at, high) {
  const gap = group.difference, colour = group.colour;
  const made = element("g", { class: "series" });
  if (known(gap.low) && gap.low < high) {
    made.append(element("line", { class: "interval", x1: at(gap.low), x2: at(gap.high), y1: "50%", y2: "50%",
      stroke: colour }));
  }
  made.append(gap.mean > high
    ? element("svg", { x: "100%", y: "50%", overflow: "visible" },
      element("path", { d: "M0 0l-10 -5v10Z", style: `fill:${colour}` }))
    : element("circle", { cx: at(gap.mean), cy: "50%", r: 5, fill: colour }));
  return made;
}

function forestRow(group, axis, at, high) {
  const gap = group.difference, base = !gap;
  const mark = base ? element("circle", { class: "base", cx: at(0), cy: "50%", r: 5 }) : marks(group, at, high);
  const text = base ? "what the others are compared to" : intervalText(gap);
  const name = [element("span", {}, group.label), ...tags(group.mark)];
  return element("div", { class: `row ${group.mark || ""}`.trim(), role: "row" },
    element("span", { class: "name", role: "rowheader" }, ...name),
    strip(...gridLines(axis, at), mark),
    element("span", { class: `text ${base ? "soft" : told(gap)}`.trim(), role: "cell" }, text));
}

function axisRow(axis, at) {
  const labels = axis.values.map((v) => element("text", { x: at(v), y: 16, "text-anchor": "middle" },
    minus(v.toFixed(axis.digits))));
  return element("div", { class: "row axis", "aria-hidden": "true" }, element("span"), strip(...labels),
    element("span"));
}

function forestNote(groups) {
  const kinds = new Set(groups.map((group) => group.difference.kind));
  const which = report.metric === "best" ? "best" : "last";
  return `Of the ${which} valid loss to '${report.baseline}', with 95 % intervals, each for itself. ` +
    (kinds.has("paired") ? "Runs of equal seed share split, start and order and are compared pair by pair. " : "") +
    (kinds.has("unpaired") ? "Where no seeds are shared, two samples are compared. " : "") +
    "Left is better; an interval that spans the line tells nothing apart.";
}

function setUpForest() {
  const groups = report.groups.filter((group) => group.difference);
  if (!groups.length) return;
  byId("differences").hidden = false;
  byId("forest-note").textContent = forestNote(groups);
  const [low, high] = reach(groups.map((group) => group.difference));
  const at = placer(low, high), axis = ticks(low, high, 5);
  const base = report.groups.find((group) => group.label === report.baseline);
  const rows = [...groups, base].sort((a, b) => (a.difference?.mean ?? 0) - (b.difference?.mean ?? 0));
  byId("forest").append(...rows.map((group) => forestRow(group, axis, at, high)), axisRow(axis, at));
}
