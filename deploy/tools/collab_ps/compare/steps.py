"""The loss of every step of a run, from its steps.csv (--log-steps), thinned for a page.

    steps.csv -> losses -> means over intervals of steps -> over a group's runs: mean and range

A hundred runs have a million steps, so the parser does as little work per line as possible, and only the means are kept.
"""

import math
import os

POINTS = 150  # most points of a curve; more would not be visible
HEADER = b"step,lr,mom,loss\n"


def read_losses(run):
    """The loss of each step, or None without a complete steps.csv."""
    try:
        with open(os.path.join(run.path, "steps.csv"), "rb") as file:
            text = file.read()
        losses = [float(line.rpartition(b",")[2]) for line in text.split(b"\n")[1:-1]]
    except (OSError, ValueError):
        return None
    whole = text.startswith(HEADER) and len(losses) == run.step_count and math.isfinite(sum(losses))
    return losses if whole else None


def thin(losses, epochs):
    """[(epoch, mean loss)] over intervals of equal length; epoch is the middle of the interval, in epochs."""
    span = max(1, -(-len(losses) // POINTS))
    per_epoch = len(losses) / epochs
    parts = [losses[start:start + span] for start in range(0, len(losses), span)]
    return [((i * span + len(part) / 2) / per_epoch, sum(part) / len(part)) for i, part in enumerate(parts)]


def describe(group):
    """(step losses of a group as mean and range over its runs, or None; the number of runs without any)."""
    known = [(losses, run) for run in group.curves.values() if (losses := read_losses(run))]
    if not known:
        return None, len(group.curves)
    columns = list(zip(*(thin(losses, len(run.curve)) for losses, run in known)))
    losses = [[loss for _, loss in column] for column in columns]
    curve = {"x": [column[0][0] for column in columns], "mean": [sum(values) / len(values) for values in losses],
             "low": [min(values) for values in losses], "high": [max(values) for values in losses]}
    return curve, len(group.curves) - len(known)


def add(report, groups):
    """Adds the step losses to the report's groups, and warnings for runs of this program that have none."""
    by_label = {group.label: group for group in groups}
    for entry in report["groups"]:
        entry["steps"], missing = describe(by_label[entry["label"]])
        if missing and not entry["foreign"]:
            report["warnings"].append(f"{missing} of {entry['seeds']} curves of '{entry['label']}' have no "
                                      "complete 'steps.csv', which --log-steps records")
