"""The report as aligned text for a terminal."""

from collab_ps import files

MANY = 20  # groups, beyond which a table by time says nothing
COLUMNS = 8  # of losses, at most
NO_INTERVAL = {"seeds": "needs two seeds", "variance": "no variance"}


def loss(value):
    return "-" if value is None else f"{value:.6f}"


def signed(value):
    return "-" if value is None else f"{value:+.6f}"


def seconds(value):
    return "-" if value is None else f"{value:.2f}"


def align(rows, left=1):
    """Lines of rows of texts; the first left columns stand left, the others right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [text.ljust(width) if column < left else text.rjust(width)
                 for column, (text, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return lines


def spread(count, most=COLUMNS):
    """Up to most of 0..count-1, evenly, with both ends."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def interval(difference):
    """'-0.011300  -0.013100 to -0.009500' in two texts."""
    if not difference:
        return ["", ""]
    if difference["low"] is None:
        return [signed(difference["mean"]), NO_INTERVAL[difference["lacks"]]]
    kind = f"{difference['pairs']} pairs" if difference["kind"] == "paired" else "unpaired"
    return [signed(difference["mean"]), f"{signed(difference['low'])} to {signed(difference['high'])}, {kind}"]


def by_epoch(report):
    groups = report["groups"]
    shown = spread(max(len(group["valid"]["mean"]) for group in groups))
    rows = [["epoch"] + [str(epoch) for epoch in shown]]
    for group in groups:
        means = group["valid"]["mean"]
        rows.append([group["label"]] + [loss(means[epoch]) if epoch < len(means) else "" for epoch in shown])
    return ["valid_loss by epoch, mean over the seeds"] + align(rows)


def by_time(report):
    """The loss that stood at a few moments; nothing where no times are known, nor of more groups than one looks at."""
    groups = [group for group in report["groups"] if group["clock"] and group["clock"][-1] > 0]
    if not groups or len(groups) > MANY:
        return []
    longest = max(group["clock"][-1] for group in groups)
    moments = [longest * (i + 1) / 6 for i in range(6)]
    rows = [["seconds"] + [f"{moment:.3g}" for moment in moments]]
    for group in groups:
        row = [group["label"]]
        for moment in moments:
            done = [value for value, end in zip(group["valid"]["mean"], group["clock"]) if end <= moment * (1 + 1e-9)]
            row.append(loss(done[-1]) if done else "-")
        rows.append(row)
    return ["", "valid_loss by time, of the last epoch that was done"] + align(rows)


def summary(report):
    """The deviation stands behind the loss that is compared."""
    best = report["metric"] == "best"
    rows = [["", "runs", "seeds", "valid_loss", *(["best", "sd"] if best else ["sd", "best"]), "at", "seconds",
             "difference", "95 % interval"]]
    for group in report["groups"]:
        label = group["label"] + (" (baseline)" if group["label"] == report["baseline"] else "")
        pair = [loss(group[report["metric"]]["sd"]), loss(group["best"]["mean"])]
        rows.append([label, str(group["runs"]), str(group["seeds"]), loss(group["last"]["mean"]),
                     *(reversed(pair) if best else pair), group["best"]["at"],
                     seconds(group["seconds"]["mean"])] + interval(group["difference"]))
    head = f"of each run's {report['metric']} valid_loss; difference of it to '{report['baseline']}'"
    return ["", head] + align(rows)


def options(report):
    """Which options differ, group by group, and those all have in common in one line."""
    names, lines = report["differing"], []
    if names:
        rows = [[""] + names] + [[group["label"]] + [group["options"].get(name) or "-" for name in names]
                                 for group in report["groups"] if not group["foreign"]]
        lines = ["", "options that differ"] + align(rows)
    if report["common"]:
        lines += ["", "in common: " + ", ".join(f"{name} {value}" for name, value in report["common"].items())]
    return lines


def machines(report):
    """Where runs were spread in more than one way."""
    if len({tuple(row["machine"].items()) for row in report["machines"]}) < 2:
        return []
    names = [name for name in report["machines"][0]["machine"]]
    rows = [["", "runs"] + names + ["seconds", "ratings/s", "curves"]]
    for row in report["machines"]:
        rows.append([row["label"], str(row["runs"])] + [str(row["machine"][name]) for name in names] +
                    [seconds(row["seconds"]), f"{row['ratings_per_s']:,.0f}" if row["ratings_per_s"] else "-",
                     row["curves"]])
    return ["", "the rest, which should move no curve"] + align(rows)


def render(report):
    lines = [report["title"], ""] if report["title"] else []
    lines += by_epoch(report) + by_time(report) + summary(report) + options(report) + machines(report)
    lines += [""] + report["verdicts"]
    return "\n".join(map(files.printable, lines)) + "\n"
