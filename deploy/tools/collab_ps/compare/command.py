"""collab-ps compare: which loss is lower, and is the difference significant?

    arguments -> runs -> groups -> report -> table on standard output
                                         -> csv, json, png, html
                                         -> --fail-if: exit code 1

matplotlib is loaded only if a picture is drawn. compare.md explains the numbers.
"""

import importlib.util
import json
import os
import shlex

from collab_ps import command_line, files
from collab_ps.compare import groups, judge, labels, report as reports, rules, steps, table
from collab_ps.compare.options import COMMAND, KINDS
from collab_ps.record import runs

LONG_COMMAND = 40  # arguments; a command with as many is not shown on the page


def parse(arguments):
    settings = command_line.parse(COMMAND, arguments)
    settings.shown = [kind for kind in KINDS if getattr(settings, kind) == "-"]
    if len(settings.shown) > 1:
        raise files.Failure(files.USAGE, f"--{settings.shown[0]} and --{settings.shown[1]} cannot both be on "
                                         "standard output", "give one of them a file")
    settings.command = shlex.join(arguments) if len(arguments) < LONG_COMMAND else ""
    return settings


def can_draw(settings):
    """Whether matplotlib is installed. If not, --png is refused; for --out the picture is left out with a warning."""
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
    """(runs, references, [(path, why it was skipped)]); warns of every path skipped."""
    found, skipped = runs.read(settings.operands)
    references, more = runs.read(settings.reference, reference=True)
    for path, why in skipped + more:
        files.say("warning", f"skipped '{path}': {why}")
    if not found:
        raise files.Failure(files.DATA, "none of the arguments is a finished run")
    return found, references, skipped + more


def compare(settings):
    """Compares the runs and writes the results; returns the exit code."""
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
        files.say("note", f"not drawn, because no group has their name: {labels.listed(report['unmatched'])}")
    if not settings.quiet and not settings.shown:
        files.show(table.render(report))
    write_files(report, settings)
    failed = judge.judge(report, checks)
    for line in failed:
        files.say("error", line)
    return 1 if failed else 0


def run(arguments):
    """Runs the command; returns the exit code."""
    return compare(parse(arguments))
