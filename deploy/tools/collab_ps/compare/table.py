"""The report as aligned text for a terminal."""

from collab_ps import files
from collab_ps.compare import baselines

MANY = 20  # groups; more are too many for a table by time
COLUMNS = 8  # most columns of losses
NO_INTERVAL = {"seeds": "needs two seeds", "variance": "no variance"}


def loss(value):
    return "-" if value is None else f"{value:.6f}"


def signed(value):
    return "-" if value is None else f"{value:+.6f}"


def seconds(value):
    return "-" if value is None else f"{value:.2f}"


def align(rows, left=1):
    """Lines of rows of texts; the first `left` columns are aligned left, the others right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [text.ljust(width) if column < left else text.rjust(width)
                 for column, (text, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return lines


def spread(count, most=COLUMNS):
    """At most `most` numbers of 0..count-1, evenly spaced, including both ends."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def interval(difference):
    """A difference and its interval as two texts: '-0.011300', '-0.013100 to -0.009500, 8 pairs'."""
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
    over = "folds" if all(group["folds"] for group in groups) else "seeds"
    return [f"valid_loss by epoch, mean over the {over}"] + align(rows)


def by_time(report):
    """The loss reached by each of six moments; [] if no times are known or there are too many groups."""
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
    return ["", "valid_loss by time, of the last finished epoch"] + align(rows)


def summary(report):
    """A row for each group. The column 'sd' follows the loss that is compared."""
    best = report["metric"] == "best"
    rows = [["", "runs", "seeds", "valid_loss", *(["best", "sd"] if best else ["sd", "best"]), "at", "seconds",
             "difference", "95 % interval"]]
    for group in report["groups"]:
        label = group["label"] + (" (baseline)" if group["label"] == report["baseline"] else "")
        pair = [loss(group[report["metric"]]["sd"]), loss(group["best"]["mean"])]
        rows.append([label, str(group["runs"]), str(group["seeds"]), loss(group["last"]["mean"]),
                     *(reversed(pair) if best else pair), group["best"]["at"],
                     seconds(group["seconds"]["mean"])] + interval(group["difference"]))
    head = f"{report['metric']} valid_loss of each run; difference to '{report['baseline']}'"
    return ["", head] + align(rows)


def simple_losses(report):
    """The losses of the baselines: one line if they are equal for all groups, else a row for each group."""
    shared = baselines.common(report)
    if shared:
        return ["", "on the same ratings: " + ", ".join(f"{name} {loss(shared[kind])}"
                                                        for kind, name in baselines.KINDS.items())]
    rows = [[group["label"], *(loss(group["baselines"][kind]["loss"]) for kind in baselines.KINDS)]
            for group in report["groups"] if group["baselines"]]
    return ["", "valid_loss on the same ratings"] + align([["", *baselines.KINDS.values()]] + rows) if rows else []


def measure_rows(groups, measure):
    """A row for each group: the value of each fold, their mean, standard deviation and interval."""
    rows = []
    for group in groups:
        told = group["folds"][measure]
        if told:
            ends = "needs two folds" if told["low"] is None else f"{told['low']:.4f} to {told['high']:.4f}"
            rows.append([group["label"], *("-" if value is None else f"{value:.4f}" for value in told["each"]),
                         f"{told['mean']:.4f}", "-" if told["sd"] is None else f"{told['sd']:.4f}", ends])
    return rows


def cross_validation(report):
    """RMSE and MAE of each fold, in a table for each number of folds."""
    lines = []
    for count in sorted({group["folds"]["count"] for group in report["groups"] if group["folds"]}):
        groups = [group for group in report["groups"] if group["folds"] and group["folds"]["count"] == count]
        for measure in ("rmse", "mae"):
            rows = measure_rows(groups, measure)
            head = [measure.upper(), *(f"fold {part}" for part in range(1, count + 1)), "mean", "sd", "95 % interval"]
            lines += ["", f"{count}-fold cross-validation"] + align([head] + rows) if rows else []
    return lines


def options(report):
    """The options that differ, a row for each group, and a line of those that all groups have in common."""
    names, lines = report["differing"], []
    if names:
        rows = [[""] + names] + [[group["label"]] + [group["options"].get(name) or "-" for name in names]
                                 for group in report["groups"] if not group["foreign"]]
        lines = ["", "options that differ"] + align(rows)
    if report["common"]:
        lines += ["", "in common: " + ", ".join(f"{name} {value}" for name, value in report["common"].items())]
    return lines


def machines(report):
    """Ranks, hosts and so on of the groups' runs, if they differ between runs."""
    if len({tuple(row["machine"].items()) for row in report["machines"]}) < 2:
        return []
    names = [name for name in report["machines"][0]["machine"]]
    rows = [["", "runs"] + names + ["seconds", "ratings/s", "curves"]]
    for row in report["machines"]:
        rows.append([row["label"], str(row["runs"])] + [str(row["machine"][name]) for name in names] +
                    [seconds(row["seconds"]), f"{row['ratings_per_s']:,.0f}" if row["ratings_per_s"] else "-",
                     row["curves"]])
    return ["", "other settings, which must not change the curve"] + align(rows)


def render(report):
    lines = [report["title"], ""] if report["title"] else []
    lines += by_epoch(report) + by_time(report) + summary(report) + simple_losses(report) + cross_validation(report) + options(report) + machines(report)
    lines += [""] + report["verdicts"]
    return "\n".join(map(files.printable, lines)) + "\n"
