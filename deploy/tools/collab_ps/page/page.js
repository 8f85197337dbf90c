// Sets up the page, section by section, from the report that stands beside this script.
//
//   data (embedded json) -> report -> tiles and verdicts, curves, panels beside a reference, differences
//                                  -> tables (tables.js)
"use strict";

const byId = (id) => document.getElementById(id);
const report = JSON.parse(byId("data").textContent);
const own = report.groups.filter((group) => !group.reference);
const beside = own.filter((group) => group.beside);
const counted = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;
// Whose curves the references are: 'fastai' of 'fastai: bias', where all have that in common.
const owner = (() => {
  const names = new Set(beside.map((group) => group.beside.label.split(": ", 1)[0]));
  return names.size === 1 && beside[0].beside.label.includes(": ") ? [...names][0] : "the reference";
})();
const epochOf = (x) => `epoch ${Number(x.toFixed(2))}`;

// ---- what it comes to --------------------------------------------------------------------------------------

function setUpText() {
  byId("title").textContent = document.title = report.title || "Comparison of runs";
  const runs = own.reduce((sum, group) => sum + group.runs, 0);
  byId("subtitle").textContent = `${counted(runs, "run")} in ${counted(own.length, "group")}` +
    (own.length > 1 ? `, compared to '${report.baseline}'` : "");
  const sentence = (line) => element("li", {}, line[0].toUpperCase() + line.slice(1) + ".");
  for (const [id, lines] of [["verdicts", report.verdicts], ["warnings", report.warnings]]) {
    byId(id).append(...lines.map(sentence));
    byId(id).hidden = !lines.length;
  }
  byId("command").textContent = report.command ? `collab-ps compare ${report.command}` : "";
  byId("footer").hidden = !report.command;
}

const tile = (head, value, text, tone) => element("div", { class: `tile ${tone || ""}`.trim() },
  element("h2", {}, head), element("p", { class: "value" }, value), element("p", {}, text));

// What a mean is taken over: '8 seeds', '5 folds', '5 folds of each of 2 seeds'.
const samples = ({ seeds, folds }) => (!folds ? counted(seeds, "seed")
  : counted(folds.count, "fold") + (seeds > 1 ? ` of each of ${seeds} seeds` : ""));
const spread = (group) => (known(group[report.metric].sd) ? `± ${loss(group[report.metric].sd)} over ` : "") +
  samples(group);

// The lowest loss, the baseline's, and what lies between; of one group alone, its loss.
function lossTiles() {
  const base = own.find((group) => group.label === report.baseline);
  const best = own.find((group) => group.mark?.startsWith("lowest"));
  const name = report.metric === "best" ? "best valid loss" : "valid loss";
  const lossTile = (head, group) => tile(head, loss(group[report.metric].mean),
    `${group.label}, ${spread(group)}`);
  if (!best || best === base) return [lossTile(best ? `lowest ${name}: the baseline` : name, base)];
  const tiles = [lossTile(`lowest ${name}`, best), lossTile("baseline", base)];
  return best.difference ? [...tiles, differenceTile(best, base)] : tiles;
}

// The lowest of many was picked for being low: its interval is the one that holds for all of them at once.
function differenceTile(group, base) {
  const gap = group.difference, from = base[report.metric].mean;
  const joint = { mean: gap.mean, low: gap.joint_low, high: gap.joint_high };
  const many = report.compared > 1 ? `, for the best of ${report.compared}` : "";
  const text = known(joint.low) ? `${signed(joint.low)} to ${signed(joint.high)} (95\u00a0%\u00a0interval${many})`
    : `${gap.lacks === "variance" ? "no variance" : "too few seeds"} for an interval`;
  const verdict = { lower: ": lower", higher: ": higher", "": ": not significant" }[told(joint)];
  const share = `${minus(((100 * gap.mean) / from).toFixed(1))} %`;
  const shared = group.folds ? "folds" : "seeds", part = gap.pairs > 1 && gap.pairs < Math.max(group.curves, base.curves);
  const pairs = part ? `on ${gap.pairs} shared ${shared}; ` : "";
  return tile(`difference${known(joint.low) ? verdict : ""}`, signed(gap.mean), `${share}; ${pairs}${text}`,
    told(joint));
}

// How many mean curves lie within the range of their references.
function besideTile() {
  const judged = beside.filter((group) => group.beside.seeds > 1);
  if (!judged.length) return [];
  const inside = judged.filter((group) => !group.beside.outside.length).length;
  const curves = `mean curve${judged.length > 1 ? "s" : ""}`;
  const seeds = Math.min(...judged.map((group) => group.beside.seeds));
  return [tile(`beside ${owner}`, `${inside} of ${judged.length}`, 
    `${curves} within the range of ${owner}'s ${seeds} seeds at every epoch`,
    inside === judged.length ? "lower" : "higher")];
}

// Whether runs of equal options and seed gave one curve, where there is more than one way of running or not.
function promiseTile() {
  if (report.broken) {
    return [tile("one curve a seed", "broken", `${counted(report.broken, "time")} equal options and seed gave ` +
      "different curves", "higher")];
  }
  const { differ, ways } = waysOf(report.machines);
  const repeated = own.some((group) => group.runs > group.curves);
  if (ways < 2 || !repeated) return [];
  return [tile("one curve a seed", "same", `in ${ways} ways of running, which differ in ${differ.join(", ")}`,
    "lower")];
}

function setUpTiles() {
  byId("tiles").append(...promiseTile(), ...lossTiles(), ...besideTile());
}

// ---- curves ------------------------------------------------------------------------------------------------

const view = { loss: "valid", x: "epoch", part: "all", scale: own.length > MANY ? "marked" : "all",
  references: beside.length ? "off" : "on", hidden: new Set(), filtered: new Set() };

// The x of each point of a group's band in the view chosen; none where it knows no times.
function placesOf(group, band, { loss: which, x }) {
  const epochs = which === "steps" ? band.x : band.mean.map((_, i) => i);
  if (x === "epoch") return epochs;
  if (!group.clock) return [];
  return which === "steps" ? epochs.map((e) => (e * group.clock.at(-1)) / group.clock.length) : group.clock;
}

// The series of a group in the view chosen; empty where the group knows none.
function seriesOf(group, chosen) {
  const empty = { x: [], mean: [], low: [], high: [] };
  const band = (chosen.loss === "steps" ? group.steps : group[chosen.loss]) || empty;
  const epochs = group.valid.mean.length, xs = placesOf(group, band, chosen);
  const done = (i) => (chosen.loss === "steps" ? band.x[i] : i + 1) / epochs;
  const kept = xs.map((_, i) => i).filter((i) => known(band.mean[i]) && (chosen.part === "all" || done(i) > 0.5));
  const pick = (values) => kept.map((i) => values[i]);
  return { label: group.label, colour: group.colour, mark: group.mark, kind: group.reference ? "outline" : "band",
    x: pick(xs), mean: pick(band.mean), low: pick(band.low), high: pick(band.high) };
}

// A row of buttons of which one is pressed: sets view[name].
function makeChoice(name, head, choices, redraw) {
  const buttons = choices.map(([value, text]) => element("button", { type: "button", "data-value": value,
    onclick: () => { view[name] = value; mark(); redraw(); } }, text));
  const mark = () => buttons.forEach((button) =>
    button.setAttribute("aria-pressed", String(button.dataset.value === view[name])));
  mark();
  return element("span", { class: "choice", role: "group", "aria-label": head }, ...buttons);
}

function makeControls(redraw) {
  const some = (test) => report.groups.some(test);
  const losses = [["valid", "valid loss"], ["train", "train loss"]];
  if (some((g) => g.steps)) losses.push(["steps", "step loss"]);
  const choices = [makeChoice("loss", "which loss", losses, redraw)];
  if (some((g) => g.clock)) {
    choices.push(makeChoice("x", "along", [["epoch", "by epoch"], ["time", "by time"]], redraw));
  }
  if (some((g) => g.valid.mean.length > 3)) {
    choices.push(makeChoice("part", "part of the run", [["all", "whole run"], ["end", "last half"]], redraw));
  }
  if (own.length > 3 && some((g) => g.mark)) {
    choices.push(makeChoice("scale", "scale", [["all", "all curves"], ["marked", "lowest and baseline"]], redraw));
  }
  if (beside.length) {
    choices.push(makeChoice("references", "references", [["off", "runs"], ["on", `with ${owner}`]], redraw));
  }
  return choices;
}

const inView = (group) => (!group.reference || view.references === "on") && !view.filtered.has(group.label);

function setUpCurves() {
  const chart = new LineChart(byId("chart"), { label: "loss curves of all groups", yLabel: "valid loss",
    height: (width) => Math.max(280, Math.min(420, width * 0.5)) });
  const buttons = new Map(report.groups.map((group) => [group, legendButton(group, chart, () => redraw())]));
  const redraw = () => {
    const series = report.groups.filter((group) => inView(group) && !view.hidden.has(group.label))
      .map((group) => seriesOf(group, view));
    const time = view.x === "time" && view.loss !== "steps";
    chart.options.yLabel = { valid: "valid loss", train: "train loss", steps: "loss of a step" }[view.loss];
    for (const [group, button] of buttons) button.hidden = !inView(group);
    chart.set(series, { xLabel: view.x === "time" ? "seconds" : "epoch", moments: time,
      limits: view.scale === "marked" ? series.filter((one) => one.mark && one.x.length) : null,
      title: view.x === "time" ? (x) => `after ${seconds(x)} s` : epochOf });
  };
  byId("controls").append(...makeControls(redraw));
  byId("legend").append(...buttons.values());
  byId("legend").classList.toggle("many", own.length > MANY);
  setUpFilter(redraw);
  redraw();
}

// A name of the legend: pointing at it, or moving the focus there, brings its curve out; a press hides it.
function legendButton(group, chart, redraw) {
  const press = () => {
    if (!view.hidden.delete(group.label)) view.hidden.add(group.label);
    button.setAttribute("aria-pressed", String(!view.hidden.has(group.label)));
    redraw();
    if (button.matches(":hover, :focus-visible")) chart.choose(group.label);
  };
  const button = element("button", { type: "button", "aria-pressed": "true", onclick: press,
    onpointerenter: (event) => event.pointerType === "mouse" && chart.choose(group.label),
    onpointerleave: () => chart.choose(null),
    onfocus: () => button.matches(":focus-visible") && chart.choose(group.label),
    onblur: () => chart.choose(null),
  }, swatch(group.reference && "outline", group.colour), element("span", {}, group.label),
  ...tags(group.mark));
  return button;
}

// ---- the groups that are looked at -------------------------------------------------------------------------

// Of many groups, only those whose names hold all words of the field are shown, in every part of the page.
function setUpFilter(redraw) {
  const field = byId("filter");
  field.parentElement.hidden = own.length <= MANY;
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (label) => words.every((word) => label.toLowerCase().includes(word));
    view.filtered = new Set(report.groups.map((group) => group.label).filter((label) => !fits(label)));
    setUpStyle([...view.filtered]);
    byId("filter-count").textContent = words.length
      ? `${own.filter((group) => fits(group.label)).length} of ${own.length}` : "";
    redraw();
  });
}

// A rule of style hides what belongs to the labels, so that rows may be sorted and made anew.
function setUpStyle(labels) {
  const hidden = labels.map((label) => `[data-group=${CSS.escape(label)}]`).join(",");
  byId("filter-style").textContent = hidden ? `${hidden} { display: none !important; }` : "";
}

// ---- beside the reference ----------------------------------------------------------------------------------

const REFERENCE_COLOUR = "#78828d";

// series less the mean of other, epoch by epoch.
function lessMean(series, other) {
  const count = Math.min(series.x.length, other.x.length);
  const less = (values) => values.slice(0, count).map((value, i) => (known(value) ? value - other.mean[i] : null));
  return { ...series, x: series.x.slice(0, count), mean: less(series.mean), low: less(series.low),
    high: less(series.high) };
}

function besideVerdict({ outside, seeds }) {
  if (seeds < 2) return element("p", {}, `${owner} has one seed, and so no range`);
  return outside.length
    ? element("p", { class: "higher" }, `✗ outside ${owner}'s range at epoch ${outside.join(", ")}`)
    : element("p", { class: "lower" }, `✓ within ${owner}'s range`);
}

function besidePanel(group) {
  const { difference } = group.beside;
  return element("div", { class: "panel" }, element("h3", {}, group.label), besideVerdict(group.beside),
    element("div", { class: "chart curve" }), element("div", { class: "chart gap" }),
    element("p", { class: "note" }, difference ? `difference ${intervalText(difference)}` : ""));
}

// Two charts a panel: the curves, and how far each lies from the reference's mean, where a narrow band can be seen.
function setUpBeside() {
  const whole = { loss: "valid", x: "epoch", part: "all" };
  byId("beside-heading").textContent = `Beside ${owner}`;
  byId("beside-note").textContent = `Grey: ${owner}, its mean dashed, and the range of its seeds. Colour: the mean ` +
    `of these runs, with lines from the least to the largest of their seeds. Below: the same, less ${owner}'s mean.`;
  for (const group of beside) {
    const partner = report.groups.find((candidate) => candidate.label === group.beside.label);
    const panel = besidePanel(group);
    byId("panels").append(panel);
    byId("beside").hidden = false;
    const below = { ...seriesOf(partner, whole), colour: REFERENCE_COLOUR, kind: "plain" };
    const kind = group.valid.mean.length > 30 ? "outline" : "whiskers";
    const above = { ...seriesOf(group, whole), mark: null, kind };
    const name = `${group.label} beside ${partner.label}`, more = { xLabel: "epoch", title: epochOf };
    new LineChart(panel.querySelector(".curve"), { label: name, yLabel: "valid loss", height: () => 190, bare: true })
      .set([below, above], more);
    new LineChart(panel.querySelector(".gap"), { label: `${name}, less its mean`, yLabel: `less ${owner}'s mean`,
      height: () => 160, format: signed }).set([lessMean(below, below), lessMean(above, below)], more);
  }
}

for (const setUp of [setUpText, setUpTiles, setUpCurves, setUpBeside, setUpForest, setUpResults, setUpFolds, setUpOptions,
  setUpMachines, setUpRuns, setUpSkipped]) setUp();
document.documentElement.dataset.ready = "yes";
