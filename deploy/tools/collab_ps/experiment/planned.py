"""The runs of an experiment: their options, their folders, and whether they are done.

    plan (plan.py) × seeds -> runs, each with its state: those that are not done are trained (train.py)

A run is done when its folder holds a finished run with the same options on the same files. No other state is
kept, so an experiment can be started again after any kind of end.
"""

import functools
import hashlib
import os
from pathlib import Path

from collab_ps.record import runs as records
from collab_ps.experiment import recipes
from collab_ps.experiment.plan import PATHS
from collab_ps.files import DATA, Failure, say

MISSING, UNFINISHED, CHANGED, DONE = "missing", "unfinished", "changed", "done"


class Run:
    """A cell with a seed and, if the plan has folds, a fold: (2, 5) is the second of five."""

    def __init__(self, cell, seed, folder, data, fold=None):
        self.cell, self.seed, self.fold = cell, seed, fold
        part = f"-fold-{fold[0]}-of-{fold[1]}" if fold else ""
        self.label = f"{cell.label}, " + (f"fold {fold[0]} of {fold[1]}, " if fold else "") + f"seed {seed}"
        self.folder = folder / f"{cell.slug}{part}-seed-{seed}"
        self.log = folder / f"{cell.slug}{part}-seed-{seed}.log"
        named = {"data": data} if data and "data" not in cell.options and "train" not in cell.options else {}
        held_out = {"fold": f"{fold[0]}/{fold[1]}"} if fold else {}
        self.options = {**cell.options, **named, **held_out, "seed": str(seed)}
        self.code = self.failure = None  # of a run that was trained: its exit code, 0 if it is done; why it failed

    def has_ratings(self):
        """Whether ratings are named; else the run uses the built-in synthetic set."""
        return "data" in self.options or "train" in self.options

    def option_arguments(self):
        """The options as arguments of the trainer; a flag that is false becomes --no-NAME."""
        flags = {True: "--{}", False: "--no-{}"}
        return [flags[value].format(name) if isinstance(value, bool) else f"--{name}={value}"
                for name, value in self.options.items()]

    def arguments(self):
        return self.option_arguments() + [f"--out={self.folder}", "--overwrite", "--progress=none",
                                         "--log-level=warn"]

    def state(self):
        """(MISSING, UNFINISHED, CHANGED or DONE; why it is not done)."""
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
        ended = os.stat(self.folder / "run.json").st_mtime
        for entry in record.get("inputs", []):
            if is_changed(entry, ended):
                return CHANGED, f"trained on another '{entry['path']}'"
        return DONE, ""

    def is_done(self):
        return self.state()[0] == DONE

    def agrees(self, name, entry):
        """Whether the recorded entry of option name is the value wanted or, if the plan does not set it, the default or
        the recipe's value. Options that do not affect the curve may differ."""
        if name not in self.options:
            if entry["source"] == "recipe":
                return recipes.agrees(self.options, name, entry["value"], records.plain)
            return entry["source"] == "default" or not records.decides_curve(name, entry) or name == "seed"
        wanted = self.options[name]
        wanted = {True: "on", False: "off"}.get(wanted, wanted)
        return entry is not None and records.plain(entry["value"]) == records.plain(wanted)


def find_data():
    """The absolute path of the ratings if no option names them: $COLLAB_PS_DATA, or what the trainer would find in the
    current folder; None for its synthetic set."""
    named = os.environ.get("COLLAB_PS_DATA")
    if named and not os.path.exists(named):
        raise Failure(DATA, f"no ratings at '{named}'", "COLLAB_PS_DATA names them")
    if not named and not os.path.exists("data/ml-100k"):
        return None
    return os.path.abspath(named or "data/ml-100k")


def make_runs(plan, folder):
    """All runs, ordered by cell, seed and fold."""
    data = find_data() if any("data" not in cell.options and "train" not in cell.options
                              for cell in plan.cells) else None
    folds = [(part, plan.folds) for part in range(1, plan.folds + 1)] if plan.folds else [None]
    found = [Run(cell, seed, folder, data, fold) for cell in plan.cells for seed in plan.seeds for fold in folds]
    for run in found:
        check_inputs(plan, run)
    if not all(run.has_ratings() for run in found):
        say("note", "no ratings are named: training on the built-in synthetic set",
            "name some with --set data=PATH or COLLAB_PS_DATA")
    return found


def check_inputs(plan, run):
    """Reports a missing file once, before any run is trained."""
    for name in PATHS:
        path = run.options.get(name)
        if isinstance(path, str) and not os.path.exists(path):
            raise Failure(DATA, f"'{plan.path}', '{run.cell.label}', '{name}': there is no '{path}'")


def is_changed(entry, since):
    """Whether a file of run.json's inputs has changed after the time since (seconds since 1970). A file that was not
    modified later and has the recorded size, if one is recorded, counts as unchanged; else its hash decides."""
    try:
        now = os.stat(entry["path"])
        if now.st_size != entry.get("bytes", now.st_size):
            return True
        return now.st_mtime > since and sha256(entry["path"], now.st_mtime) != entry["sha256"]
    except OSError:
        return True


@functools.cache
def sha256(path, _changed):
    """The SHA-256 of a file in hexadecimal; _changed, its time of modification, is part of the cache's key."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def out_folder(plan, given):
    return Path(given or f"runs/{plan.get('name')}")
