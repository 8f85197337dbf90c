"""Evaluates the rules of --fail-if on a report.

    rule + group -> the values of its names -> true or false -> exit code

A rule that refers to the baseline is evaluated for every other group, a rule that uses only 'broken' and 'skipped' once,
and any other rule for every group.
"""

from collab_ps.files import DATA, USAGE, Failure

FIELDS = ("valid_loss", "last", "best", "train_loss", "sd", "seconds", "seeds", "epochs", "difference", "low",
          "high")
OWNERS = ("baseline", "reference")  # alone: their valid_loss; followed by a dot: any of their fields
WHOLE = ("broken", "skipped")
RELATIVE = {"baseline", "difference", "low", "high"}


def check_names(rule):
    """Refuses a rule with an unknown name."""
    for name in sorted(rule.names):
        owner, dot, field = name.partition(".")
        known = (owner in OWNERS and field in FIELDS) if dot else name in FIELDS + OWNERS + WHOLE
        if not known:
            raise Failure(USAGE, f"--fail-if '{rule.text}': there is no '{name}'",
                          f"names are {', '.join(FIELDS + OWNERS + WHOLE)}, and those of a group after 'baseline.'")


def values_of(group, metric):
    """{field: value or None} of a group; valid_loss is the loss that metric selects."""
    gap = group["difference"] or {"mean": None, "low": None, "high": None}
    values = (group[metric]["mean"], group["last"]["mean"], group["best"]["mean"], group["train_last"]["mean"],
              group[metric]["sd"], group["seconds"]["mean"], group["seeds"], len(group["valid"]["mean"]),
              gap["mean"], gap["low"], gap["high"])
    return dict(zip(FIELDS, values))


def finder(report, group):
    """The function that returns the value of a name for one group, or for the whole report if group is None."""
    by_label = {entry["label"]: entry for entry in report["groups"]}

    def find(name):
        if name in WHOLE:
            return len(report["skipped"]) if name == "skipped" else report["broken"]
        owner, _, field = name.partition(".")
        source = group
        if owner in OWNERS:
            source = by_label.get(report["baseline"] if owner == "baseline" else group["partner"])
        else:
            field = name
        value = values_of(source, report["metric"])[field or "valid_loss"] if source else None
        if value is None:
            raise Failure(DATA, f"--fail-if: '{group['label']}' has no '{name}' to judge")
        return value
    return find


def subjects(report, rule):
    """The groups for which a rule is evaluated; [None] if it refers to none."""
    owners = {name.split(".")[0] for name in rule.names}
    if owners <= set(WHOLE):
        return [None]
    own = [group for group in report["groups"] if not group["reference"]]
    if not owners & RELATIVE:
        return own
    others = [group for group in own if group["label"] != report["baseline"]]
    if not others:
        raise Failure(DATA, f"--fail-if '{rule.text}': there is no group beside the baseline")
    return others


def judge(report, rules):
    """A line for each rule that is true, with the group for which it is."""
    found = []
    for rule in rules:
        for group in subjects(report, rule):
            if rule.judge(finder(report, group)):
                found.append(f"'{rule.text}' is true" + (f" of '{group['label']}'" if group else ""))
    return found
