"""How the program must refuse.

It must print one error line on standard error and at most one hint, end in time with the right exit code, and leave
no half-written files. mpirun's own lines about ranks that ended do not count.
"""

import json
import os
import re

import launch

OK, USAGE, DATA, PEER, DIVERGED, STORAGE, INTERNAL, PREEMPTED, INTERRUPTED = 0, 2, 3, 4, 5, 6, 70, 75, 125
ERROR = re.compile(r"^collab-ps: (?:[^:]*: )?error: (.*)$")
SECONDS = 40


def errors_of(run):
    """The texts of the program's error lines."""
    return [found.group(1) for found in map(ERROR.match, run.stderr.splitlines()) if found]


def one_sentence(run, wanted):
    """What is wrong with the error lines of run, or ''."""
    errors, hints = errors_of(run), run.hints()
    if len(errors) != 1:
        return f"{len(errors)} error lines: {run.stderr[-600:]!r}"
    if len(hints) > 1:
        return f"{len(hints)} hints"
    if errors[0].endswith((".", "!")) or "\x1b" in errors[0]:
        return f"not in the form of an error: {errors[0]!r}"
    return "" if re.search(wanted, errors[0]) else f"does not say '{wanted}': {errors[0]!r}"


def half_written(folder):
    """Names of files below folder that were left by an interrupted write."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.name.endswith(".tmp"))


def state_of(out):
    """The state in run.json, which must be valid JSON; None if there is no run.json."""
    record = out / "run.json"
    return json.loads(record.read_text()) if record.exists() else None


def refuses(check, name, arguments, code, wanted, folder, ranks=None, out=None, cwd=None, user=None):
    """Runs the program and checks that it refuses. out: the run's folder; folder: must hold no half-written files."""
    shape = name if ranks is None else f"{name}, {ranks} ranks"
    run = launch.launch(arguments, ranks, SECONDS, cwd, user)
    if run.code == launch.TIMED_OUT:
        check.that(False, shape, f"hangs: {run.stderr[-300:]!r}")
        return run
    problem = "" if run.code == code else f"exit code {run.code}, not {code}: {run.stderr[-600:]!r}"
    problem = problem or one_sentence(run, wanted)
    left = half_written(folder)
    problem = problem or (f"left {left}" if left else "")
    if out is not None and os.path.exists(out / "model.safetensors"):
        problem = problem or "left a model"
    check.that(not problem, shape, problem or f"{code}: {errors_of(run)[0]}")
    return run
