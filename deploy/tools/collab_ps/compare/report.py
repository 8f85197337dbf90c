"""The result of a comparison as plain data, from which table, JSON, CSV, picture and page are made."""

import csv
import io
import os

from collab_ps.compare import baselines, folds, groups as grouping, labels, stats, verdicts
from collab_ps.files import DATA, Failure


def moments(values):
    """{mean, sd, low, high} of a list."""
    return {"mean": stats.mean(values), "sd": stats.deviation(values), "low": min(values, default=None),
            "high": max(values, default=None)}


def best_epochs(group):
    """The best epoch: '3', or '2-4' if it differs between the seeds."""
    found = set()
    for run in group.curves.values():
        values = [epoch["valid_loss"] for epoch in run.curve]
        known = [value for value in values if value is not None]
        if known:
            found.add(values.index(min(known)))
    return "-".join(str(epoch) for epoch in sorted({min(found), max(found)})) if found else "-"


def beside(group, metric):
    """Compares a group with its reference: the difference, and the epochs at which its mean is outside the range of the
    reference. None if it has no reference."""
    partner = group.partner
    if not partner or group.reference:
        return None
    own, other = group.band("valid_loss"), partner.band("valid_loss")
    both = list(zip(own["mean"], other["low"], other["high"]))
    outside = [epoch for epoch, (mean, low, high) in enumerate(both)
               if None not in (mean, low, high) and not low <= mean <= high]
    values, others = group.values(metric), partner.values(metric)
    gap = stats.unpaired(list(values.values()), list(others.values())) if values and others else None
    return {"label": partner.label, "seeds": len(partner.curves), "difference": gap, "outside": outside}


def early_stop(group):
    """How many runs --early-stop ended, and after how many epochs; None if there are none."""
    ends = [run.early_stop for run in group.runs if run.early_stop]
    if not ends:
        return None
    epochs = [end["after_epoch"] + 1 for end in ends]
    return {"runs": len(ends), "least": min(epochs), "most": max(epochs), "planned": ends[0]["planned_epochs"]}


def describe_group(group, baseline, metric, differing):
    known = group is not baseline and not group.reference
    return {
        "label": group.label, "reference": group.reference, "foreign": group.runs[0].foreign,
        "partner": group.partner.label if group.partner else None,
        "runs": len(group.runs), "curves": len(group.curves), "seeds": group.seeds(),
        "folds": folds.describe(group, metric),
        "options": {name: group.options.get(name) for name in differing},
        "valid": group.band("valid_loss"), "train": group.band("train_loss"), "clock": group.clock(),
        "last": moments(list(group.values("last").values())),
        "best": {**moments(list(group.values("best").values())), "at": best_epochs(group)},
        "train_last": moments(list(group.values("train").values())),
        "seconds": moments([run.seconds for run in group.runs if run.seconds is not None]),
        "difference": group.difference(baseline, metric) if known else None,
        "baselines": None if group.reference else baselines.describe(group, metric),
        "early_stop": early_stop(group), "beside": beside(group, metric),
    }


def describe_run(run, group):
    return {"path": run.path, "label": group.label, "seed": run.seed, "last": grouping.value_of(run, "last"),
            "best": grouping.value_of(run, "best"), "seconds": run.seconds, "curve_sha256": run.curve_hash,
            "model_sha256": run.model_hash, "machine": run.machine}


def describe_machine(label, names, machine, runs, broken):
    times = [run.seconds for run in runs if run.seconds]
    trained = stats.mean(times)
    ratings = [len(run.curve) * int(run.train_ratings) / run.seconds for run in runs if run.seconds]
    shown = f"{label} ({', '.join(names)})" if names and names != [label] else label
    return {"label": shown, "machine": machine, "runs": len(runs), "seconds": trained,
            "ratings_per_s": stats.mean(ratings), "curves": "differ" if label in broken else "same"}


def common_options(groups, differing):
    """Options with the same value in all groups, without those that are not set."""
    own = [group.options for group in groups if not group.runs[0].foreign]
    return {name: value for name, value in (own[0] if own else {}).items()
            if value and name not in differing and all(options.get(name) == value for options in own)}


def promise_warnings(broken):
    lines = []
    for label, seed, hashes, differing in broken:
        shown = "; ".join(f"{digest[:12]} in {', '.join(run.path for run in runs[:3])}" +
                          (" …" if len(runs) > 3 else "") for digest, runs in hashes)
        also = f", which differ in {', '.join(differing)}" if differing else ""
        lines.append(f"the promise is broken: equal options and seed {seed} of '{label}' gave "
                     f"{len(hashes)} curves{also}: {shown}")
    return lines


def twin_warnings(groups):
    """Lines for curves that several seeds, or several csv files, have in common: repetitions are not independent."""
    return [f"{len(group.twins) + 1} {'files' if group.runs[0].foreign else 'seeds'} of '{group.label}' have the "
            "same curve, which counts once: " + ", ".join(run.path for run in group.twins[:3]) +
            (" …" if len(group.twins) > 3 else "") for group in groups if group.twins]


def add_joint_intervals(report, groups, baseline):
    """Adds to every difference its simultaneous interval, and to the report the number of differences compared."""
    by_label = {group.label: group for group in groups}
    compared = [entry for entry in report["groups"] if entry["difference"]]
    known = [entry for entry in compared if entry["difference"]["low"] is not None]
    report["compared"] = len(known)
    level = stats.joint_level(len(known))
    for entry in compared:
        wide = by_label[entry["label"]].difference(baseline, report["metric"], level)
        entry["difference"].update(joint_low=wide["low"], joint_high=wide["high"])


def find_baseline(groups, wanted):
    """The group with the label wanted, or else that of the run at this path; the first group if wanted is None."""
    own = [group for group in groups if not group.reference]
    if not own:
        raise Failure(DATA, "none of the arguments is a finished run")
    if wanted is None:
        return own[0]
    for group in own:
        if group.label == wanted:
            return group
    place = os.path.realpath(wanted)
    for group in own:
        if any(os.path.realpath(run.path) == place for run in group.runs):
            return group
    labels = ", ".join(f"'{group.label}'" for group in own)
    raise Failure(DATA, f"no finished run is called '{wanted}', which should be the baseline", f"there are {labels}")


def build(groups, skipped, settings):
    """The report. settings: a dict with title, metric, baseline and command."""
    baseline = find_baseline(groups, settings["baseline"])
    groups, unmatched = grouping.drop_strangers(groups)
    differing = labels.differing(groups)
    broken = grouping.broken_promises(groups)
    torn = {label for label, *_ in broken}
    report = {
        "title": settings["title"], "metric": settings["metric"], "baseline": baseline.label,
        "baseline_loss": stats.mean(list(baseline.values(settings["metric"]).values())),
        "baseline_curves": len(baseline.curves),
        "command": settings["command"], "differing": differing, "common": common_options(groups, differing),
        "groups": [describe_group(group, baseline, settings["metric"], differing) for group in groups],
        "machines": [describe_machine(*row, torn) for row in grouping.machines(groups)],
        "runs": [describe_run(run, group) for group in groups for run in group.runs],
        "skipped": [{"path": path, "why": why} for path, why in skipped],
        "unmatched": unmatched, "broken": len(broken), "warnings": promise_warnings(broken),
    }
    report["warnings"] += [f"equal options and seed {seed} of '{label}', but other ratings: only the first run counts"
                           for label, seed in grouping.other_data(groups)]
    report["warnings"] += twin_warnings(groups) + folds.warnings(groups)
    strangers = grouping.on_other_ratings(groups, baseline)
    if strangers:
        report["warnings"].append(f"trained or validated on other ratings than '{baseline.label}', so that not only "
                                  f"options differ: {labels.listed(strangers)}")
    add_joint_intervals(report, groups, baseline)
    verdicts.add(report)
    return report


def to_csv(report):
    """The report as csv: a line for each epoch and group, with the summary of the group repeated."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["group", "reference", *report["differing"], "epoch", "seconds", "train_loss", "valid_loss",
                     "valid_sd", "valid_low", "valid_high", "runs", "seeds", "difference", "interval_low",
                     "interval_high"])
    for group in report["groups"]:
        gap = group["difference"] or {"mean": None, "low": None, "high": None}
        for epoch in range(len(group["valid"]["mean"])):
            band = [group["valid"][column][epoch] for column in ("mean", "sd", "low", "high")]
            writer.writerow([group["label"], int(group["reference"]), *group["options"].values(), epoch,
                             group["clock"][epoch] if group["clock"] else None, group["train"]["mean"][epoch], *band,
                             group["runs"], group["seeds"], gap["mean"], gap["low"], gap["high"]])
    return text.getvalue()
