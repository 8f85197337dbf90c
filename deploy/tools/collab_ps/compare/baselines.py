"""The losses of simple predictions on the same validation ratings, and the groups that do not beat them.

    run.json's baselines -> per group: loss of the mean of the ratings, and of the mean plus ridge-fitted biases

A model is useful only if its loss is lower than both; groups for which it is not are listed.
"""

from collab_ps.compare import stats
from collab_ps.compare.labels import listed

KINDS = {"mean": "the mean of the ratings", "biases": "user and item biases"}


def describe(group, metric):
    """{mean, biases: {loss, gap}} of a group: means over its runs, gap being the model's loss minus the baseline's. None
    if a run's record lacks a baseline."""
    values, found = group.values(metric), {}
    for kind in KINDS:
        losses = {key: run.baselines.get(kind) for key, run in group.curves.items()}
        if not losses or None in losses.values():
            return None
        gaps = [values[key] - losses[key] for key in values]
        found[kind] = {"loss": stats.mean(list(losses.values())), "gap": stats.mean(gaps)}
    return found


def missed(report, kind):
    """Labels of the groups whose loss is not lower than that of a baseline."""
    return [group["label"] for group in report["groups"] if group["baselines"] and group["baselines"][kind]["gap"]
            is not None and group["baselines"][kind]["gap"] >= 0]


def verdicts(report):
    """Lines that list the groups that do not beat the mean, and those that beat the mean but not the biases."""
    lines, beyond = [], missed(report, "mean")
    weak = [label for label in missed(report, "biases") if label not in beyond]
    if beyond:
        lines.append(f"no better than {KINDS['mean']}, which needs no model: {listed(beyond)}")
    if weak:
        lines.append(f"no better than {KINDS['biases']}, fitted in closed form: {listed(weak)}")
    return lines


def common(report):
    """{kind: loss} if all groups with baselines have the same ones, that is, the same validation ratings; else None."""
    known = [group["baselines"] for group in report["groups"] if group["baselines"]]
    losses = [{kind: entry[kind]["loss"] for kind in KINDS} for entry in known]
    return losses[0] if losses and all(one == losses[0] for one in losses) else None
