"""collab-ps compare: which loss is lower, and is the difference real?

    arguments -> runs -> groups -> report -> table on standard output
                                         -> csv, json, png, html
                                         -> --fail-if: exit status 1

Needs Python alone; the picture needs matplotlib, which is loaded for nothing else.
"""

import argparse
import json
import os
import sys

import files
import groups
import report as reports
import rules
import runs
import table

EPILOG = """
A group is what agrees in every option that matters to the curve, the seed apart. Names in a rule of
--fail-if, judged for every group but the baseline: valid_loss, best, train_loss, sd, seconds, seeds,
epochs, difference, low, high (of its interval); baseline and reference stand for their valid_loss, and
baseline.best and the like for the rest; broken counts broken promises, skipped the folders left out.

examples:
  collab-ps compare runs/*
  collab-ps compare old=runs/a-* new=runs/b-* --baseline old --fail-if 'valid_loss > baseline + 0.002'
  collab-ps compare runs/* --reference fastai=history.csv --out report

exit codes: 0 done, 1 a rule of --fail-if is true, 2 usage, 3 data, 6 storage
"""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        files.say("error", message, "'collab-ps compare --help' lists the options")
        sys.exit(files.USAGE)


def parse(arguments):
    parser = Parser(prog="collab-ps compare", epilog=EPILOG, allow_abbrev=False,
                    description="Compares the loss curves of runs.",
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="[NAME=]RUN",
                        help="a run's folder, a folder of runs, a csv history (fastai's CSVLogger) or a pattern; "
                             "NAME is shown in its place")
    parser.add_argument("--baseline", metavar="NAME", help="group the others are compared to [the first]")
    parser.add_argument("--metric", choices=("last", "best"), default="last",
                        help="valid_loss to compare: of the last epoch or of each run's best [last]")
    parser.add_argument("--by", metavar="NAME,…", default="",
                        help=f"split groups by what moves no curve as well: {', '.join(groups.SPLITS)}")
    parser.add_argument("--reference", metavar="[NAME=]FILE", action="append", default=[],
                        help="csv history to draw beside the groups; a model of a group's name goes with it")
    parser.add_argument("--steps", action="store_true", help="read the loss of every step too, for the page")
    parser.add_argument("--title", default="", help="heading of table, picture and page")
    parser.add_argument("--fail-if", metavar="RULE", action="append", default=[],
                        help="end with exit status 1 when RULE is true of a group; may be repeated")
    parser.add_argument("--out", metavar="DIR", help="write compare.csv, .json, .png and .html there")
    for kind in ("csv", "json", "png", "html"):
        parser.add_argument(f"--{kind}", metavar="FILE",
                            help=f"write {kind} to FILE" + (" ('-': standard output)" if kind in "csv json" else ""))
    parser.add_argument("--quiet", action="store_true", help="print no table")
    return parser.parse_args(arguments)


def values_of(group):
    """What a rule may ask of a group."""
    gap = group["difference"] or {"mean": None, "low": None, "high": None}
    return {"valid_loss": group["last"]["mean"], "best": group["best"]["mean"],
            "train_loss": group["train_last"]["mean"], "sd": group["last"]["sd"], "seconds": group["seconds"]["mean"],
            "seeds": group["seeds"], "epochs": len(group["valid"]["mean"]), "difference": gap["mean"],
            "low": gap["low"], "high": gap["high"]}


def finder(report, group, metric):
    """The function that gives a rule the value of a name, for one group."""
    by_label = {entry["label"]: entry for entry in report["groups"]}
    main = "best" if metric == "best" else "valid_loss"
    whole = {"broken": report["broken"], "skipped": len(report["skipped"])}

    def find(name):
        owner, dot, field = name.partition(".")
        if owner in whole and not dot:
            return whole[owner]
        source = group
        if owner in ("baseline", "reference"):
            label = report["baseline"] if owner == "baseline" else group["partner"]
            source, field = by_label.get(label), field or main
        else:
            field = name
        known = values_of(source or group)
        if field not in known:
            raise files.Failure(files.USAGE, f"--fail-if: there is no '{name}'", f"names are {', '.join(known)}, "
                                "baseline, reference, broken and skipped")
        if source is None or known[field] is None:
            raise files.Failure(files.DATA, f"--fail-if: '{group['label']}' has no '{name}' to judge")
        return known[field]
    return find


def judge(report, checks):
    """The first lines that say which rule is true of which group."""
    found = []
    own = [group for group in report["groups"] if not group["reference"]]
    others = [group for group in own if group["label"] != report["baseline"]]
    for rule in checks:
        relative = any(name.split(".")[0] in ("baseline", "difference", "low", "high") for name in rule.names)
        if relative and not others:
            raise files.Failure(files.DATA, f"--fail-if '{rule.text}': there is no group beside the baseline")
        for group in others if relative else own:
            if rule.judge(finder(report, group, report["metric"])):
                found.append(f"'{rule.text}' is true of '{group['label']}'")
    return found


def add_steps(report, found_groups):
    """Gives groups the loss of every step, as mean and range over their runs."""
    by_label = {group.label: group for group in found_groups}
    for entry in report["groups"]:
        curves = [runs.read_steps(run) for run in by_label[entry["label"]].curves.values()]
        curves = [curve for curve in curves if curve]
        columns = list(zip(*curves))
        losses = [[loss for _, loss in column] for column in columns]
        entry["steps"] = {"x": [column[0][0] for column in columns], "mean": [sum(v) / len(v) for v in losses],
                          "low": [min(v) for v in losses], "high": [max(v) for v in losses]} if curves else None


def write_files(report, settings):
    targets = {kind: getattr(settings, kind) for kind in ("csv", "json", "png", "html")}
    if settings.out:
        files.make_folder(settings.out)
        targets = {kind: path or os.path.join(settings.out, f"compare.{kind}") for kind, path in targets.items()}
    for kind, path in targets.items():
        if path == "-" and kind in ("csv", "json"):
            sys.stdout.write(content_of(report, kind))
        elif path and not (kind == "png" and settings.out and not settings.png and not can_draw()):
            files.write(path, content_of(report, kind))


def can_draw():
    """Is matplotlib there? A picture nobody asked for by name is left out without it."""
    import importlib.util
    there = importlib.util.find_spec("matplotlib") is not None
    if not there:
        files.say("warning", "no picture: Python's matplotlib is missing", "apt-get install python3-matplotlib")
    return there


def content_of(report, kind):
    if kind == "csv":
        return reports.to_csv(report)
    if kind == "json":
        return json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if kind == "html":
        import page
        return page.render(report)
    import plot
    return plot.render(report)


def compare(settings):
    """Exit status."""
    checks = [rules.Rule(text) for text in settings.fail_if]
    found, skipped = runs.read(settings.runs)
    references, also_skipped = runs.read(settings.reference, reference=True)
    skipped += also_skipped
    for path, why in skipped:
        files.say("warning", f"skipped '{path}': {why}")
    if not found:
        raise files.Failure(files.DATA, "no finished run among those named")
    gathered = groups.gather(found + references, tuple(filter(None, settings.by.split(","))))
    report = reports.build(gathered, skipped, {
        "title": settings.title, "metric": settings.metric, "baseline": settings.baseline,
        "command": " ".join(sys.argv[1:]) if len(sys.argv) < 40 else ""})
    if settings.steps:
        add_steps(report, gathered)
    for line in report["warnings"]:
        files.say("warning", line)
    if not settings.quiet and "-" not in (settings.csv, settings.json):
        sys.stdout.write(table.render(report))
    write_files(report, settings)
    failed = judge(report, checks)
    for line in failed:
        files.say("error", line)
    return 1 if failed else 0


def main():
    try:
        code = compare(parse(sys.argv[1:]))
        sys.stdout.flush()
    except files.Failure as failure:
        files.say("error", failure.cause, failure.hint)
        code = failure.code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = files.STORAGE
    except KeyboardInterrupt:
        code = 125
    sys.exit(code)


if __name__ == "__main__":
    main()
