"""What there is to say, as plain data: the one source of the table, the JSON, the CSV, the picture and
the page."""

import csv
import io
import os

from collab_ps.compare import groups as grouping, stats
from collab_ps.files import DATA, Failure


def moments(values):
    """{mean, sd, low, high} of a list."""
    return {"mean": stats.mean(values), "sd": stats.deviation(values), "low": min(values, default=None),
            "high": max(values, default=None)}


def best_epochs(group):
    """'3', or '2-4' where the seeds differ in their best epoch."""
    found = set()
    for run in group.curves.values():
        values = [epoch["valid_loss"] for epoch in run.curve]
        known = [value for value in values if value is not None]
        if known:
            found.add(values.index(min(known)))
    return "-".join(str(epoch) for epoch in sorted({min(found), max(found)})) if found else "-"


def beside(group, metric):
    """How a group stands to its reference: difference, and is its mean within the other's range?"""
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


def describe_group(group, baseline, metric, differing):
    values, base = group.values(metric), baseline.values(metric)
    known = group is not baseline and not group.reference and values and base
    return {
        "label": group.label, "reference": group.reference, "foreign": group.runs[0].foreign,
        "partner": group.partner.label if group.partner else None,
        "runs": len(group.runs), "seeds": len(group.curves),
        "options": {name: group.options.get(name) for name in differing},
        "valid": group.band("valid_loss"), "train": group.band("train_loss"), "clock": group.clock(),
        "last": moments(list(group.values("last").values())),
        "best": {**moments(list(group.values("best").values())), "at": best_epochs(group)},
        "train_last": moments(list(group.values("train").values())),
        "seconds": moments([run.seconds for run in group.runs if run.seconds is not None]),
        "difference": stats.difference(values, base) if known else None,
        "beside": beside(group, metric),
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
    """Options all groups agree in, unset ones left out."""
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


def add_joint_intervals(report, groups, baseline):
    """Gives every difference the interval that holds for all of them at once, and says of how many it is one."""
    by_label = {group.label: group for group in groups}
    compared = [entry for entry in report["groups"] if entry["difference"]]
    known = [entry for entry in compared if entry["difference"]["low"] is not None]
    report["compared"] = len(known)
    level = stats.joint_level(len(known))
    base = baseline.values(report["metric"])
    for entry in compared:
        wide = stats.difference(by_label[entry["label"]].values(report["metric"]), base, level)
        entry["difference"].update(joint_low=wide["low"], joint_high=wide["high"])


def joint_words(report, gap):
    """'95 % interval 0.001 to 0.002', of how far below the baseline; and of how many comparisons it is the best."""
    many = f", for the best of {report['compared']}" if report["compared"] > 1 else ""
    return f"95 % interval {-gap['joint_high']:.6f} to {-gap['joint_low']:.6f}{many}"


def lowest_baseline(report):
    """What is to be said when the baseline is lowest: which others are not told apart from it."""
    gaps = [(group["label"], group["difference"]) for group in report["groups"] if group["difference"]]
    near = [label for label, gap in gaps if gap["joint_low"] is not None and gap["joint_low"] <= 0]
    if not report["compared"]:
        return ", the baseline itself, on too few seeds to be told from the others"
    if not near:
        return ", the baseline itself, told apart from all others"
    shown = ", ".join(f"'{label}'" for label in near[:4]) + (f" and {len(near) - 4} more" if len(near) > 4 else "")
    return f", the baseline itself, not told apart from {shown}"


def lowest_standing(report, group):
    """How the lowest group stands to the baseline, in words."""
    gap, baseline = group["difference"], report["baseline"]
    if group["label"] == baseline:
        return lowest_baseline(report)
    if gap is None:
        return f", and '{baseline}' has no valid_loss to set it against"
    if gap["joint_low"] is None:
        return f", difference {gap['mean']:+.6f} to '{baseline}', on too few seeds for an interval"
    if gap["joint_high"] >= 0:
        return f", not told apart from '{baseline}' (by {-gap['mean']:.6f}, {joint_words(report, gap)})"
    return f", {-gap['mean']:.6f} below '{baseline}' ({joint_words(report, gap)})"


def lowest_verdict(report):
    """Which group is lowest, and is that more than chance? The lowest of many was picked for being low,
    so that its interval is the one that holds for all of them at once."""
    metric = report["metric"]
    rivals = [group for group in report["groups"] if not group["reference"] and group[metric]["mean"] is not None]
    if len(rivals) < 2:
        return []
    what = "lowest best valid_loss" if metric == "best" else "lowest valid_loss"
    lowest = min(group[metric]["mean"] for group in rivals)
    equal = [group for group in rivals if group[metric]["mean"] == lowest]
    if len(equal) == len(rivals):
        return [f"{what}: none, all {len(rivals)} have {lowest:.6f}"]
    best = next((group for group in equal if group["label"] == report["baseline"]), equal[0])
    spread = best[metric]["sd"]
    text = f"{what}: '{best['label']}' with {lowest:.6f}"
    text += f" ± {spread:.6f} over {best['seeds']} seeds" if spread is not None else ""
    return [text + lowest_standing(report, best)]


def reference_verdict(report):
    lines = []
    known = [group for group in report["groups"] if group["beside"] and group["beside"]["seeds"] > 1]
    inside = [group for group in known if not group["beside"]["outside"]]
    if inside:
        seeds = min(group["beside"]["seeds"] for group in inside)
        lines.append(f"within the range of the reference's {seeds} seeds at every epoch: "
                     f"the mean curve{'s' if len(inside) > 1 else ''} of {', '.join(g['label'] for g in inside)}")
    for group in known:
        if group["beside"]["outside"]:
            epochs = ", ".join(map(str, group["beside"]["outside"]))
            lines.append(f"outside the range of '{group['beside']['label']}' at epoch {epochs}: {group['label']}")
    return lines


def find_baseline(groups, wanted):
    """The group called wanted, or else that of the run at that path; the first one when nothing is asked for."""
    own = [group for group in groups if not group.reference]
    if not own:
        raise Failure(DATA, "no finished run among those named")
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
    """The report; settings has title, metric, baseline and command."""
    baseline = find_baseline(groups, settings["baseline"])
    groups, unmatched = grouping.drop_strangers(groups)
    differing = grouping.differing(groups)
    broken = grouping.broken_promises(groups)
    torn = {label for label, *_ in broken}
    report = {
        "title": settings["title"], "metric": settings["metric"], "baseline": baseline.label,
        "command": settings["command"], "differing": differing, "common": common_options(groups, differing),
        "groups": [describe_group(group, baseline, settings["metric"], differing) for group in groups],
        "machines": [describe_machine(*row, torn) for row in grouping.machines(groups)],
        "runs": [describe_run(run, group) for group in groups for run in group.runs],
        "skipped": [{"path": path, "why": why} for path, why in skipped],
        "unmatched": unmatched, "broken": len(broken), "warnings": promise_warnings(broken),
    }
    report["warnings"] += [f"equal options and seed {seed} of '{label}', but other ratings: set apart"
                           for label, seed in grouping.other_data(groups)]
    strangers = grouping.on_other_ratings(groups, baseline)
    if strangers:
        report["warnings"].append(f"trained or validated on other ratings than '{baseline.label}', a difference that "
                                  f"is none of options: {', '.join(strangers)}")
    add_joint_intervals(report, groups, baseline)
    report["verdicts"] = lowest_verdict(report) + reference_verdict(report)
    return report


def to_csv(report):
    """One line an epoch and group, with the summary of the group repeated."""
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
