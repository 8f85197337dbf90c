// The tables of the page: results, options, machines, runs, and what was left out. Headings sort.
//
//   report -> columns and rows -> fillTable -> table
"use strict";

// A column of a table: what it is called, what it sorts by, and what it shows.
const column = (head, key, text = (value) => value ?? "–", more = {}) =>
  ({ head, key, text: (row) => text(key(row), row), ...more });

// Numbers by size, texts as people count, what is missing behind both.
function order(a, b, down) {
  const missing = (v) => !known(v) || v === "";
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  const [x, y] = [Number(a), Number(b)];
  const words = Number.isNaN(x) || Number.isNaN(y);
  return (words ? String(a).localeCompare(String(b), "en", { numeric: true }) : x - y) * (down ? -1 : 1);
}

// What a row is called stands in its first cell where that is a text.
function fillRow(columns, row) {
  return element("tr", { "data-group": row.label }, ...columns.map((one, i) => {
    const names = i === 0 && one.left;
    return element(names ? "th" : "td", {
      class: [one.left ? "text" : "", one.tone?.(row) || ""].join(" ").trim() || null,
      scope: names ? "row" : null,
      style: one.share ? `--share:${(100 * one.share(row)).toFixed(1)}%` : null,
    }, one.text(row));
  }));
}

// Puts rows in table. A column may have left, for texts; tone(row), a class of its cells; share(row), the
// length of a bar behind the value. A press on a heading sorts up, the next one down; sorted by first at the start.
function fillTable(table, columns, rows, { decorate = () => {}, first = null } = {}) {
  const body = element("tbody");
  let sorted = { column: null, down: false };
  const heads = columns.map((one) => element("th", { class: one.left ? "text" : null, scope: "col",
    "data-head": one.head },
    element("button", { type: "button", onclick: () => sort(one) }, one.head)));
  const sort = (by) => {
    sorted = { column: by, down: sorted.column === by && !sorted.down };
    heads.forEach((head, i) => {
      if (columns[i] === by) head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    show([...rows].sort((a, b) => order(by.key(a), by.key(b), sorted.down)));
  };
  const show = (list) => body.replaceChildren(...list.map((row) => {
    const line = fillRow(columns, row);
    decorate(line, row);
    return line;
  }));
  table.replaceChildren(element("thead", {}, element("tr", {}, ...heads)), body);
  if (first) sort(columns.find((one) => one.head === first));
  else show(rows);
}

// The interval of a difference in a cell, with how many pairs it rests on where the seeds do not say so.
function intervalCell(low, group) {
  if (!known(low)) return group.difference?.lacks === "variance" ? "no variance" : "–";
  const { kind, pairs, high } = group.difference;
  const rest = kind === "unpaired" ? ", unpaired" : pairs !== group.curves ? `, ${pairs} pairs` : "";
  return `${signed(low)} to ${signed(high)}${rest}`;
}

function setUpResults() {
  const name = (label, group) => element("span", {}, swatch(group.reference && "outline", group.colour),
    ` ${label}`, ...tags(group.mark));
  const tone = (group) => told(group.difference);
  fillTable(byId("results"), [
    column("group", (g) => g.label, name, { left: true }),
    column("valid loss", (g) => g.last.mean, loss),
    column("± sd", (g) => g.last.sd, loss),
    column("difference", (g) => g.difference?.mean, signed, { tone }),
    column("95 % interval", (g) => g.difference?.low, intervalCell, { tone }),
    ...(own.some((g) => g.baselines) ? [column("biases' loss", (g) => g.baselines?.biases.loss, loss,
      { tone: (g) => (g.baselines?.biases.gap >= 0 ? "higher" : "") })] : []),
    column("seeds", (g) => g.seeds),
    ...(own.some((g) => g.folds) ? [column("folds", (g) => g.folds?.count)] : []),
    column("best", (g) => g.best.mean, loss),
    column("at epoch", (g) => g.best.at),
    column("train loss", (g) => g.train_last.mean, loss),
    column("seconds", (g) => g.seconds.mean, seconds),
  ], report.groups, { first: own.length > MANY ? "valid loss" : null,
    decorate: (line, group) => group.mark && line.classList.add(...group.mark.split(" ")) });
}

// RMSE and MAE of each fold, with a table for each number of folds and measure.
function setUpFolds() {
  const folded = report.groups.filter((group) => group.folds);
  const counts = [...new Set(folded.map((group) => group.folds.count))].sort((a, b) => a - b);
  for (const [count, measure] of counts.flatMap((n) => [[n, "rmse"], [n, "mae"]])) {
    const groups = folded.filter((group) => group.folds.count === count && group.folds[measure]);
    if (!groups.length) continue;
    const of = (group) => group.folds[measure], table = element("table");
    const each = [...Array(count).keys()].map((i) => column(`fold ${i + 1}`, (g) => of(g).each[i], loss));
    fillTable(table, [column("group", (g) => g.label, undefined, { left: true }), ...each,
      column("mean", (g) => of(g).mean, loss), column("± sd", (g) => of(g).sd, loss),
      column("95 % interval", (g) => of(g).low, (low, g) => (known(low) ? `${loss(low)} to ${loss(of(g).high)}` : "–")),
    ], groups);
    byId("folds").append(element("h3", {}, `${measure.toUpperCase()} of ${count} folds`),
      element("div", { class: "wide" }, table));
    byId("folds").hidden = false;
  }
}

function setUpOptions() {
  const groups = report.groups.filter((group) => !group.foreign);
  const columns = report.differing.map((name) => column(name, (g) => g.options[name], (value) => value ?? "–"));
  if (columns.length) {
    fillTable(byId("differing"), [column("group", (g) => g.label, undefined, { left: true }), ...columns], groups);
  }
  byId("options-heading").textContent = columns.length ? "Options that differ" : "Options, of which none differs";
  const common = Object.entries(report.common).map(([name, value]) => `${name} ${value}`).join(", ");
  byId("common").textContent = common ? `In common: ${common}.` : "";
  byId("options").hidden = !groups.length;
}

// The ways in which runs were spread: the names of what differs between them, and how many there are.
function waysOf(machines) {
  const names = machines.length ? Object.keys(machines[0].machine) : [];
  const differ = names.filter((name) => new Set(machines.map((row) => row.machine[name])).size > 1);
  const ways = new Set(machines.map((row) => JSON.stringify(row.machine))).size;
  return { names, differ, ways };
}

function setUpMachines() {
  const rows = report.machines, { names, ways } = waysOf(rows);
  if (!rows.length) return;
  byId("machines").hidden = false;
  const all = names.map((name) => `${name} ${rows[0].machine[name] ?? "unknown"}`).join(", ");
  byId("machine-summary").textContent = ways > 1 ? `${ways} ways of running` : `The same for all runs: ${all}`;
  byId("machine-details").open = ways > 1;
  const fastest = Math.max(...rows.map((row) => row.ratings_per_s || 0), 1);
  fillTable(byId("machine-table"), [
    column("runs of", (r) => r.label, undefined, { left: true }),
    column("curves", (r) => r.curves, undefined,
      { left: true, tone: (r) => (r.curves === "differ" ? "higher" : "lower") }),
    column("runs", (r) => r.runs),
    column("seconds", (r) => r.seconds, seconds),
    column("ratings/s", (r) => r.ratings_per_s, (v) => (v ? Math.round(v).toLocaleString("en") : "–"),
      { tone: () => "bar", share: (r) => (r.ratings_per_s || 0) / fastest }),
    ...names.map((name) => column(name, (r) => r.machine[name])),
  ], rows);
}

function setUpRuns() {
  byId("runs-summary").textContent = counted(report.runs.length, "run");
  fillTable(byId("runs"), [
    column("group", (r) => r.label, undefined, { left: true }),
    column("seed", (r) => r.seed),
    column("valid loss", (r) => r.last, loss),
    column("best", (r) => r.best, loss),
    column("seconds", (r) => r.seconds, seconds),
    column("curve sha256", (r) => r.curve_sha256, (v) => (v ? v.slice(0, 16) : "–"), { left: true }),
    column("run", (r) => r.path, undefined, { left: true }),
  ], report.runs);
}

function setUpSkipped() {
  if (!report.skipped.length) return;
  byId("skipped").hidden = false;
  byId("skipped-summary").textContent = `${report.skipped.length} left out`;
  fillTable(byId("skipped-table"), [
    column("path", (s) => s.path, undefined, { left: true }),
    column("why", (s) => s.why, undefined, { left: true }),
  ], report.skipped);
}
