"""The runs of an experiment: what each is trained with, where it belongs, and whether it is done.

    plan (experiment_file.py) × seeds -> runs, each with its state: what is not done is trained
                                         (experiment_train.py)

A run is done when its folder holds a finished run of these very options. Nothing else is written down,
so that whatever ends an experiment, its next start sees what there is.
"""

import os
from pathlib import Path

import runs as records
from files import DATA, Failure, say

MISSING, UNFINISHED, CHANGED, DONE = "missing", "unfinished", "changed", "done"


class Run:
    """A cell with a seed."""

    def __init__(self, cell, seed, folder, data):
        self.cell, self.seed = cell, seed
        self.label = f"{cell.label}, seed {seed}"
        self.folder = folder / f"{cell.slug}-seed-{seed}"
        self.log = folder / f"{cell.slug}-seed-{seed}.log"
        named = {"data": data} if data and "data" not in cell.options and "train" not in cell.options else {}
        self.options = {**cell.options, **named, "seed": str(seed)}
        self.code = self.failure = None  # of a run that was tried: its exit code, 0 when done; why it failed

    def option_arguments(self):
        """As the trainer takes them; a flag that is false is --no-NAME."""
        flags = {True: "--{}", False: "--no-{}"}
        return [flags[value].format(name) if isinstance(value, bool) else f"--{name}={value}"
                for name, value in self.options.items()]

    def arguments(self):
        return self.option_arguments() + [f"--out={self.folder}", "--progress=none", "--log-level=warn"]

    def state(self):
        """(one of the four states, why it is not done)."""
        if not self.folder.exists():
            return MISSING, "not there"
        try:
            record = records.read_record(self.folder)
            records.read_folder(self.folder, None)
        except records.Unusable as error:
            return UNFINISHED, str(error)
        ranks = len(record["cluster"]["ranks"])
        if ranks != self.cell.ranks:
            return CHANGED, f"trained on {ranks} rank{'s' if ranks > 1 else ''}"
        for name in [*self.options, *record["options"]]:
            if not self.agrees(name, record["options"].get(name)):
                return CHANGED, f"trained with another '{name}'"
        return DONE, ""

    def is_done(self):
        return self.state()[0] == DONE

    def agrees(self, name, entry):
        """Was option name as wanted, and left alone where nothing is wanted of it? What moves no curve may
        have been set."""
        if name not in self.options:
            return entry["source"] == "default" or (name in records.ASIDE and name != "data")
        wanted = self.options[name]
        wanted = {True: "on", False: "off"}.get(wanted, wanted)
        return entry is not None and records.plain(entry["value"]) == records.plain(wanted)


def find_data():
    """The ratings when nobody names them, as an absolute path that stays true: the environment's, or what
    the trainer would find from here; None stands for its synthetic set."""
    named = os.environ.get("COLLAB_PS_DATA")
    if named and not os.path.exists(named):
        raise Failure(DATA, f"no ratings at '{named}'", "COLLAB_PS_DATA names them")
    if not named and not os.path.exists("data/ml-100k"):
        return None
    return os.path.abspath(named or "data/ml-100k")


def make_runs(plan, folder):
    """All runs, cell by cell."""
    data = find_data() if any("data" not in cell.options and "train" not in cell.options
                              for cell in plan.cells) else None
    found = [Run(cell, seed, folder, data) for cell in plan.cells for seed in plan.seeds]
    for run in found:
        check_inputs(plan, run)
    if any("data" not in run.options and "train" not in run.options for run in found):
        say("note", "no ratings are named: training on the built-in synthetic set",
            "name some with --set data=PATH, or in COLLAB_PS_DATA")
    return found


def inputs(run, names):
    return [(name, run.options[name]) for name in names if isinstance(run.options.get(name), str)]


def check_inputs(plan, run):
    """Names a file that is not there once, and not run by run."""
    for name, path in inputs(run, ("data", "train", "valid", "init", "batch-order")):
        if not os.path.exists(path):
            raise Failure(DATA, f"'{plan.path}', '{run.cell.label}', '{name}': there is no '{path}'")


def newest(path):
    """Time of the last change of a file, or of the files in a folder."""
    entries = list(os.scandir(path)) if os.path.isdir(path) else []
    return max([entry.stat().st_mtime for entry in entries if entry.is_file()] or [os.stat(path).st_mtime])


def warn_of_newer_inputs(found):
    """Says which finished runs may have seen other ratings than those that are there now: a path and a name
    are all that tells whether a run is done."""
    older, times = {}, {}
    for run in found:
        for _, path in inputs(run, ("data", "train", "valid", "init", "batch-order")):
            times.setdefault(path, newest(path))
            if times[path] > os.stat(run.folder / "run.json").st_mtime:
                older[path] = older.get(path, 0) + 1
    for path, count in older.items():
        say("warning", f"'{path}' was changed after {count} of the runs were trained",
            "remove their folders to train them anew")


def out_folder(plan, given):
    return Path(given or f"runs/{plan.get('name')}")
