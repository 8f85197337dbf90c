"""Runs an experiment: trains what its file declares, one folder for each run, and compares the runs.

    collab-ps experiment NAME|FILE.toml [--out DIR] [--jobs N] [--seeds N|A,B,…] [--set OPTION=VALUE …]

      FILE.toml -> cells (one set of options each)    plan.py
                -> runs (cells × seeds), each done or not    planned.py
                -> those that are not are trained, several at once    train.py
                -> all of them are compared

It can be killed at any moment and started again: finished runs are kept, interrupted ones are trained from the start.
experiment.md is the manual.
"""

import os
import shlex
import shutil
import signal
import time
from pathlib import Path

from collab_ps import command_line
from collab_ps.compare import command as comparison, rules
from collab_ps.experiment import plan as plans, planned
from collab_ps.experiment.options import COMMAND, SHIPPED
from collab_ps.experiment.progress import Progress, duration
from collab_ps.experiment.train import Training, check_options, clean, lock
from collab_ps.files import INTERRUPTED, STORAGE, USAGE, Failure, make_folder, say

TOOLS = Path(__file__).resolve().parents[2]  # deploy/tools, or where it is installed


def find_program(given):
    """The trainer: given, or $COLLAB_PS_PROGRAM, or that of this installation, the release build, or the search path."""
    candidates = [given] if given else [os.environ.get("COLLAB_PS_PROGRAM"), TOOLS.parents[1] / "bin" / "collab-ps",
                                        TOOLS.parents[1] / "build" / "release" / "collab-ps", shutil.which("collab-ps")]
    for candidate in filter(None, candidates):
        if os.access(candidate, os.X_OK) and os.path.isfile(candidate):
            return str(Path(candidate).resolve())
    raise Failure(USAGE, f"no program '{given or 'collab-ps'}' to train with", "name it with --program, or build it")


def find_launcher(todo):
    if any(run.cell.ranks > 1 for run in todo) and not shutil.which("mpirun"):
        raise Failure(USAGE, "no 'mpirun' to start ranks with", "apt-get install openmpi-bin")


def reference_arguments(plan, found):
    """The arguments for the references. They are dropped for the built-in synthetic set, since theirs are other ratings."""
    references = plan.get("references", {})
    if references and not all(run.has_ratings() for run in found):
        say("note", f"not drawn, because they are of other ratings than the synthetic set: {', '.join(references)}")
        return []
    return [f"--reference={name}={plan.path.parent / file}" for name, file in references.items()]


def compare(plan, found, out, fail_if):
    """Compares the runs, except those whose folders hold runs with other options; returns the exit code of compare."""
    shown = [run for run in found if run.state()[0] != planned.CHANGED]
    title = plan.get("title", plan.get("name"))
    command = [f"--out={out}", f"--title={title}"]
    command += [f"--{key}={plan.get(key)}" for key in ("metric", "by") if key in plan.content]
    command += ["--steps"] if plan.get("steps") else []
    base = [run.folder for run in found if run.cell.label == plan.get("baseline") and run.is_done()]
    if base:
        command.append(f"--baseline={base[0]}")
    elif "baseline" in plan.content:
        say("warning", f"no run of the baseline '{plan.get('baseline')}' is done: comparing with the first that is")
    command += reference_arguments(plan, found)
    command += [f"--fail-if={rule}" for rule in fail_if]
    command += [f"{run.cell.label}={run.folder}" for run in shown]
    return command_line.end("compare", lambda: comparison.run(command))


def list_runs(found):
    for run in found:
        ranks = [f"ranks={run.cell.ranks}"] if run.cell.ranks > 1 else []
        print(f"{run.state()[0]:10} {shlex.join([str(run.folder), *ranks, *run.option_arguments()])}")
    return 0


def train(plan, found, settings, out, held):
    """Trains the missing runs and returns those that failed. Seed by seed and fold by fold, so that an interrupted
    experiment has about equally many runs of each cell."""
    done = [run for run in found if run.is_done()]
    todo = sorted((run for run in found if run not in done), key=lambda run: (plan.seeds.index(run.seed), run.fold or ()))
    say("note", f"{plan.get('name')}: {len(found)} runs in '{out}', {len(done)} of them done")
    if not todo:
        return []
    program = find_program(settings.program)
    find_launcher(todo)
    check_options(plan, todo, program)
    cores = settings.jobs or plan.get("jobs") or len(os.sched_getaffinity(0))
    began = time.monotonic()
    Training(todo, program, cores, held, Progress(len(todo), cores)).train()
    failed = [run for run in todo if run.code]
    say("note", f"{len(todo) - len(failed)} trained in {duration(time.monotonic() - began)}")
    return failed


def report_failures(failed, count):
    """One line that lists the failed runs, which the comparison lacks."""
    if failed:
        names = "; ".join(f"'{run.label}' with exit code {run.code}" for run in failed[:8])
        names += f"; and {len(failed) - 8} more" if len(failed) > 8 else ""
        say("error", f"{len(failed)} of {count} runs failed: {names}", "their output is in the .log files; "
            "start the experiment again to retry them")


def conduct(settings):
    """Trains and compares as settings say; returns the exit code."""
    for rule in settings.fail_if:
        rules.Rule(rule)
    path = plans.find(settings.operand, SHIPPED)
    plan = plans.load(path, plans.read_overrides(settings.set), settings.seeds, settings.folds)
    out = planned.out_folder(plan, settings.out)
    found = planned.make_runs(plan, out)
    if settings.list:
        return list_runs(found)
    make_folder(out)
    held = lock(out, found)
    clean(out, found)
    failed = train(plan, found, settings, out, held)
    code = compare(plan, found, out, settings.fail_if)
    report_failures(failed, len(found))
    if code in (0, 1) and out.joinpath("compare.html").exists():
        say("note", f"the page is '{out}/compare.html'")
    return failed[0].code if failed else code


def catch_signals():
    """Makes SIGTERM, and SIGHUP unless it is ignored (nohup), end the experiment like Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
        signal.signal(signal.SIGHUP, signal.default_int_handler)


def run(arguments):
    """Runs the command; returns the exit code."""
    catch_signals()
    try:
        return conduct(command_line.parse(COMMAND, arguments))
    except OSError as error:
        raise Failure(STORAGE, f"cannot write '{error.filename}': {error.strerror}" if error.filename else
                      str(error)) from None
    except KeyboardInterrupt:
        say("note", "interrupted; start it again to train the missing runs")
        return INTERRUPTED
