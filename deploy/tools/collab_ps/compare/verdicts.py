"""The verdicts of a report, in sentences: which group is lowest and whether the difference is significant, and how groups
compare with their references.

Groups are ranked by their difference to the baseline, computed over the seeds that both have: the means of groups
with different seeds also differ by the effect of these seeds.
"""

from collab_ps.compare import baselines
from collab_ps.compare.labels import listed

LACKS = {"seeds": "too few seeds for an interval", "variance": "no variance between seeds, and so no interval"}


def score(report, group):
    """The value by which groups are ranked: the difference to the baseline, or computed from the means if there is none."""
    if group["label"] == report["baseline"]:
        return 0.0
    gap, base = group["difference"], report["baseline_loss"]
    return gap["mean"] if gap else group[report["metric"]]["mean"] - (base or 0.0)


def rivals(report):
    return [group for group in report["groups"] if not group["reference"] and group[report["metric"]]["mean"] is not None]


def find_lowest(report):
    """The group with the lowest loss, the baseline if it ties with others; None if all tie or there are fewer than
    two."""
    found = rivals(report)
    if len(found) < 2:
        return None
    least = min(score(report, group) for group in found)
    lowest = [group for group in found if score(report, group) == least]
    if len(lowest) == len(found):
        return None
    return next((group for group in lowest if group["label"] == report["baseline"]), lowest[0])


def interval_words(report, gap):
    """The simultaneous interval of how far a group is below the baseline: '95 % interval 0.001 to 0.002, for the best of 3'."""
    many = f", for the best of {report['compared']}" if report["compared"] > 1 else ""
    return f"95 % interval {-gap['joint_high']:.6f} to {-gap['joint_low']:.6f}{many}"


def baseline_standing(report):
    """How the other groups compare with the baseline, which is lowest."""
    gaps = [(group["label"], group["difference"]) for group in report["groups"] if group["difference"]]
    near = [label for label, gap in gaps if gap["joint_low"] is not None and gap["joint_low"] <= 0]
    unknown = [label for label, gap in gaps if gap["joint_low"] is None]
    if not report["compared"]:
        return f", the baseline; {LACKS[gaps[0][1]['lacks']] if gaps else LACKS['seeds']}"
    parts = [f"not significantly different from {listed(near)}"] if near else []
    parts += [f"no interval for {listed(unknown)}"] if unknown else []
    return f", the baseline; {'; '.join(parts) or 'significantly different from all others'}"


def standing(report, group):
    """How the lowest group compares with the baseline."""
    gap, baseline, curves = group["difference"], report["baseline"], "folds" if group.get("folds") else "seeds"
    if group["label"] == baseline:
        return baseline_standing(report)
    if gap is None:
        return f", and '{baseline}' has no valid_loss to compare it with"
    part = f" on {gap['pairs']} shared {curves}" if 1 < gap["pairs"] < max(group["curves"], report["baseline_curves"]) else ""
    if gap["joint_low"] is None:
        return f", difference {gap['mean']:+.6f} to '{baseline}'{part}, {LACKS[gap['lacks']]}"
    if gap["joint_high"] >= 0:
        return f", not significantly different from '{baseline}' ({gap['mean']:+.6f}{part}, {interval_words(report, gap)})"
    return f", {-gap['mean']:.6f} below '{baseline}'{part} ({interval_words(report, gap)})"


def counted(group):
    """'8 seeds', '5 folds' or '5 folds of each of 2 seeds'."""
    if not group["folds"]:
        return f"{group['seeds']} seeds"
    return f"{group['folds']['count']} folds" + (f" of each of {group['seeds']} seeds" if group["seeds"] > 1 else "")


def lowest_verdict(report):
    """The lowest group, and whether it is significantly lower. The lowest of many was selected for being low, so the
    simultaneous interval is used."""
    metric, found = report["metric"], rivals(report)
    if len(found) < 2:
        return []
    what = "lowest best valid_loss" if metric == "best" else "lowest valid_loss"
    best = find_lowest(report)
    if best is None:
        return [f"{what}: none, all {len(found)} have {found[0][metric]['mean']:.6f}"]
    spread = best[metric]["sd"]
    text = f"{what}: '{best['label']}' with {best[metric]['mean']:.6f}"
    text += f" ± {spread:.6f} over {counted(best)}" if spread is not None else ""
    return [text + standing(report, best)]


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


def early_ends(report):
    """A line that lists the groups with runs ended by --early-stop."""
    told = []
    for group in report["groups"]:
        ends = group["early_stop"]
        if ends:
            span = "-".join(str(epochs) for epochs in sorted({ends["least"], ends["most"]}))
            several = f", {ends['runs']} of {group['runs']} runs" if ends["runs"] < group["runs"] else ""
            told.append(f"{group['label']} (after {span} of {ends['planned']} epochs{several})")
    return ["ended early by --early-stop: " + ", ".join(told)] if told else []


def add(report):
    """Adds the verdicts and the label of the lowest group to the report."""
    best = find_lowest(report)
    report["lowest"] = best["label"] if best else None
    report["verdicts"] = lowest_verdict(report) + baselines.verdicts(report) + reference_verdict(report) + early_ends(report)
