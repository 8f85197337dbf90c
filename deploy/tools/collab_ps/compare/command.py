"""collab-ps compare: which loss is lower, and is the difference real?

    arguments -> runs -> groups -> report -> table on standard output
                                         -> csv, json, png, html
                                         -> --fail-if: exit status 1

Needs Python alone; the picture needs matplotlib, which is loaded for nothing else. compare.md tells what
the numbers mean.
"""

import importlib.util
import json
import os
import shlex

from collab_ps import command_line, files
from collab_ps.command_line import Option
from collab_ps.compare import groups, judge, labels, report as reports, rules, steps, table
from collab_ps.record import runs

KINDS = ("csv", "json", "png", "html")
METRICS = ("last", "best")
LONG_COMMAND = 40  # arguments that a page still shows

EPILOG = """
A group is what agrees in every option that matters to the curve, the seed apart; a NAME is only shown,
unless the baseline is one or --by has 'name'.

Names in a rule of --fail-if: valid_loss (the one that --metric compares), last, best, train_loss, sd,
seconds, seeds, epochs, difference, low, high (ends of its interval); baseline and reference stand for
their valid_loss, and baseline.sd and the like for the rest; broken counts broken promises, skipped what
was left out. One that speaks of the baseline is judged for all other groups, any other for all.

examples:
  collab-ps compare runs/*
  collab-ps compare old=runs/a-* new=runs/b-* --baseline old --fail-if 'valid_loss > baseline + 0.002'
  collab-ps compare runs/* --reference fastai=history.csv --out report

exit codes: 0 done, 1 a rule of --fail-if is true, 2 usage, 3 data, 6 storage
"""


OPTIONS = (
    Option("baseline", argument="NAME",
           help="group the others are compared to, by its name or the path of a run in it [the first]"),
    Option("metric", argument="WHICH", choices=METRICS, default="last",
           help="valid_loss to compare: of the last epoch or of each run's best [last]"),
    Option("by", argument="NAME,…", lists=groups.SPLITS,
           help=f"split groups by what moves no curve as well: {', '.join(groups.SPLITS)}"),
    Option("reference", argument="[NAME=]FILE", repeated=True,
           help="csv history to draw beside the groups; a model of a group's name goes with it"),
    Option("steps", help="read the loss of every step too, for the page"),
    Option("title", argument="TEXT", help="heading of table, picture and page"),
    Option("fail-if", argument="RULE", repeated=True,
           help="end with exit status 1 when RULE is true of a group; may be repeated"),
    Option("out", argument="DIR", help="write compare.csv, .json, .png and .html there"),
    *(Option(kind, argument="FILE", help=f"write {kind} to FILE; '-' is standard output, in place of the table")
      for kind in KINDS),
    Option("quiet", help="print no table"))

COMMAND = command_line.Command(
    name="compare", operand="[NAME=]RUN", many=True, summary="Compares the loss curves of runs", options=OPTIONS,
    epilog=EPILOG, operand_help="a run's folder, a folder of runs, a csv history (fastai's CSVLogger) or a pattern; "
                                "NAME is shown in its place")


def parse(arguments):
    settings = command_line.parse(COMMAND, arguments)
    settings.shown = [kind for kind in KINDS if getattr(settings, kind) == "-"]
    if len(settings.shown) > 1:
        raise files.Failure(files.USAGE, f"--{settings.shown[0]} and --{settings.shown[1]} cannot both be on "
                                         "standard output", "give one of them a file")
    settings.command = shlex.join(arguments) if len(arguments) < LONG_COMMAND else ""
    return settings


def can_draw(settings):
    """Is matplotlib there? Without it a picture that was asked for by name is refused, and any other left out."""
    if importlib.util.find_spec("matplotlib"):
        return True
    told = "no picture: Python's matplotlib is missing", "apt-get install python3-matplotlib"
    if settings.png:
        raise files.Failure(files.USAGE, *told)
    files.say("warning", *told)
    return False


def content_of(report, kind):
    if kind == "csv":
        return reports.to_csv(report)
    if kind == "json":
        return json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if kind == "html":
        from collab_ps.page import document
        return document.render(report)
    from collab_ps.page import picture
    return picture.render(report)


def write_files(report, settings):
    if settings.out:
        files.make_folder(settings.out)
    for kind in KINDS:
        path = getattr(settings, kind)
        if path == "-":
            files.show(content_of(report, kind))
        elif path:
            files.write(path, content_of(report, kind))
        elif settings.out and (kind != "png" or settings.draws):
            files.write(os.path.join(settings.out, f"compare.{kind}"), content_of(report, kind))


def read(settings):
    """(runs, references, [(path, why it is left out)]), the last of which are said."""
    found, skipped = runs.read(settings.operands)
    references, more = runs.read(settings.reference, reference=True)
    for path, why in skipped + more:
        files.say("warning", f"skipped '{path}': {why}")
    if not found:
        raise files.Failure(files.DATA, "no finished run among those named")
    return found, references, skipped + more


def compare(settings):
    """Exit status."""
    checks = [rules.Rule(text) for text in settings.fail_if]
    for rule in checks:
        judge.check_names(rule)
    split = groups.read_splits(settings.by or "")
    settings.draws = bool(settings.png or settings.out) and can_draw(settings)
    found, references, skipped = read(settings)
    if settings.baseline in {run.name for run in found} - {None}:
        split += ("name",)
    gathered = groups.gather(found + references, split)
    report = reports.build(gathered, skipped, {
        "title": settings.title or "", "metric": settings.metric, "baseline": settings.baseline,
        "command": settings.command})
    if settings.steps:
        steps.add(report, gathered)
    for line in report["warnings"]:
        files.say("warning", line)
    if report["unmatched"]:
        files.say("note", f"not drawn, for no group has their name: {labels.listed(report['unmatched'])}")
    if not settings.quiet and not settings.shown:
        files.show(table.render(report))
    write_files(report, settings)
    failed = judge.judge(report, checks)
    for line in failed:
        files.say("error", line)
    return 1 if failed else 0


def run(arguments):
    """Exit status."""
    return compare(parse(arguments))
