"""What simple predictions come to on the same validation ratings, and which groups do not beat them.

    run.json's baselines -> per group: loss of the mean of the ratings, and of ridge-fitted biases added to it

A model is of use where it has a lower loss than both; one that does not is named.
"""

from collab_ps.compare import stats
from collab_ps.compare.labels import listed

KINDS = {"mean": "the mean of the ratings", "biases": "user and item biases"}


def describe(group, metric):
    """{mean, biases: {loss, gap}} of a group; gap is the model's loss less the baseline's, run by run. None where the
    records do not have them."""
    values, found = group.values(metric), {}
    for kind in KINDS:
        losses = {key: run.baselines.get(kind) for key, run in group.curves.items()}
        if not losses or None in losses.values():
            return None
        gaps = [values[key] - losses[key] for key in values]
        found[kind] = {"loss": stats.mean(list(losses.values())), "gap": stats.mean(gaps)}
    return found


def missed(report, kind):
    """Labels of the groups that a baseline is as good as."""
    return [group["label"] for group in report["groups"] if group["baselines"] and group["baselines"][kind]["gap"]
            is not None and group["baselines"][kind]["gap"] >= 0]


def verdicts(report):
    """A plain line for the groups that do not beat the biases, or not even the mean."""
    lines, beyond = [], missed(report, "mean")
    weak = [label for label in missed(report, "biases") if label not in beyond]
    if beyond:
        lines.append(f"no better than {KINDS['mean']}, which takes no model: {listed(beyond)}")
    if weak:
        lines.append(f"no better than {KINDS['biases']}, fitted in closed form: {listed(weak)}")
    return lines


def common(report):
    """{kind: loss} where all groups that know them were validated on the same ratings; else None."""
    known = [group["baselines"] for group in report["groups"] if group["baselines"]]
    losses = [{kind: entry[kind]["loss"] for kind in KINDS} for entry in known]
    return losses[0] if losses and all(one == losses[0] for one in losses) else None
