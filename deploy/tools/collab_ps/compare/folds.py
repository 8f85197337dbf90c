"""Cross-validation: RMSE and MAE of a group whose runs are folds.

A fold is a part of the ratings, not a seed: with one seed, K folds hold out each rating once, and their mean is one
estimate. RMSE and MAE are shown for each fold, as is usual for cross-validation, with their mean, standard deviation and
interval. The interval accounts for the overlap of the training sets (stats.py).
"""

import math

from collab_ps.compare import stats

MEASURES = ("rmse", "mae")


def measure_of(run, measure, metric):
    """RMSE or MAE at the epoch that metric selects; None if the run does not have it."""
    known = [epoch for epoch in run.curve if epoch["valid_loss"] is not None]
    if not known:
        return None
    epoch = min(known, key=lambda one: one["valid_loss"]) if metric == "best" else known[-1]
    return math.sqrt(epoch["valid_loss"]) if measure == "rmse" else epoch["mae"]


def describe_measure(group, measure, metric):
    """{each: [value of each fold, mean over the seeds], mean, sd, low, high}; None if a run lacks the measure."""
    values = {key: measure_of(run, measure, metric) for key, run in group.curves.items()}
    if None in values.values():
        return None
    each = [stats.mean([value for (_, fold), value in values.items() if fold == part])
            for part in range(1, group.folds + 1)]
    whole = stats.sample_interval(list(values.values()), group.overlap())
    return {"each": each, "mean": whole["mean"], "sd": stats.deviation(list(values.values())),
            "low": whole["low"], "high": whole["high"]}


def describe(group, metric):
    """{count, seeds, missing, rmse, mae} of a group of folds; None for other groups. missing: folds that a seed lacks."""
    if not group.folds:
        return None
    seeds = {seed for seed, _ in group.curves}
    missing = sorted({fold for fold in range(1, group.folds + 1) for seed in seeds if (seed, fold) not in group.curves})
    return {"count": group.folds, "seeds": len(seeds), "missing": missing,
            **{measure: describe_measure(group, measure, metric) for measure in MEASURES}}


def warnings(groups):
    """Lines for the groups that lack folds, whose mean therefore covers only some of the ratings."""
    lines = []
    for group in groups:
        told = describe(group, "last") if group.folds else None
        if told and told["missing"]:
            lines.append(f"'{group.label}' lacks fold {', '.join(map(str, told['missing']))} of {group.folds}: "
                         "its mean covers only some of the ratings")
    return lines
