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

// The axis: at(x), a place on a strip in percent, and the values that are marked on it. Where some groups lie far
// out, report.axis (scale.py) says where it turns from plain to logarithmic.
function makeAxis(gaps) {
  const [low, high] = extent([0, ...gaps.flatMap((gap) => [gap.mean, gap.low, gap.high])]);
  const bent = (x) => (report.axis ? Math.asinh(x / report.axis.bend) : x);
  const margin = (bent(high) - bent(low)) * 0.04 || 0.001;
  const [from, to] = [bent(low) - margin, bent(high) + margin];
  return { at: (x) => `${(((bent(x) - from) / (to - from)) * 100).toFixed(2)}%`, marks: marksOf(low, high) };
}

function marksOf(low, high) {
  if (report.axis) return report.axis.ticks.map((value) => ({ value, text: minus(String(value)) }));
  const { values, digits } = ticks(low, high, 5);
  return values.map((value) => ({ value, text: minus(value.toFixed(digits)) }));
}

const strip = (...children) => element("span", { class: "strip" },
  element("svg", { "aria-hidden": "true" }, ...children));

const gridLines = ({ at, marks }) => marks.map(({ value }) => element("line",
  { class: Math.abs(value) < 1e-12 ? "zero" : "grid", x1: at(value), x2: at(value), y1: 0, y2: "100%" }));

// A dot with its interval.
function dotAndInterval({ difference: gap, colour }, at) {
  const made = element("g", { class: "series" });
  if (known(gap.low)) {
    made.append(element("line", { class: "interval", x1: at(gap.low), x2: at(gap.high), y1: "50%", y2: "50%",
      stroke: colour }));
  }
  made.append(element("circle", { cx: at(gap.mean), cy: "50%", r: 5, fill: colour }));
  return made;
}

function forestRow(group, axis) {
  const gap = group.difference, base = !gap;
  const mark = base ? element("circle", { class: "base", cx: axis.at(0), cy: "50%", r: 5 })
    : dotAndInterval(group, axis.at);
  const text = base ? "what the others are compared to" : intervalText(gap);
  const name = [element("span", {}, group.label), ...tags(group.mark)];
  return element("div", { class: `row ${group.mark || ""}`.trim(), role: "row", "data-group": group.label },
    element("span", { class: "name", role: "rowheader" }, ...name),
    strip(...gridLines(axis), mark),
    element("span", { class: `text ${base ? "soft" : told(gap)}`.trim(), role: "cell" }, text));
}

function axisRow({ at, marks }) {
  const labels = marks.map(({ value, text }) => element("text", { x: at(value), y: 16, "text-anchor": "middle" },
    text));
  return element("div", { class: "row axis", "aria-hidden": "true" }, element("span"), strip(...labels),
    element("span"));
}

function forestNote(groups) {
  const kinds = new Set(groups.map((group) => group.difference.kind));
  const which = report.metric === "best" ? "best" : "last";
  return `Of the ${which} valid loss to '${report.baseline}', with 95 % intervals, each for itself. ` +
    (kinds.has("paired") ? "Runs of equal seed share split, start and order and are compared pair by pair. " : "") +
    (kinds.has("unpaired") ? "Where no seeds are shared, two samples are compared. " : "") +
    (report.axis ? "The axis goes by orders of magnitude away from zero. " : "") +
    "Left is better; a difference whose interval spans the line is not significant.";
}

function setUpForest() {
  const groups = report.groups.filter((group) => group.difference);
  if (!groups.length) return;
  byId("differences").hidden = false;
  byId("forest-note").textContent = forestNote(groups);
  const axis = makeAxis(groups.map((group) => group.difference)), many = groups.length > MANY;
  const base = report.groups.find((group) => group.label === report.baseline);
  const rows = [...groups, base].sort((a, b) => (a.difference?.mean ?? 0) - (b.difference?.mean ?? 0));
  byId("forest").classList.toggle("dense", many);
  byId("forest").append(...(many ? [axisRow(axis)] : []), ...rows.map((group) => forestRow(group, axis)), axisRow(axis));
}
