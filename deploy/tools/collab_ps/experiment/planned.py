"""The runs of an experiment: what each is trained with, where it belongs, and whether it is done.

    plan (plan.py) × seeds -> runs, each with its state: what is not done is trained
                                         (train.py)

A run is done when its folder holds a finished run of these very options on these very files. Nothing else is
written down, so that whatever ends an experiment, its next start sees what there is.
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
    """A cell with a seed, and with a fold of the ratings where the plan has folds: (2, 5) is the second of five."""

    def __init__(self, cell, seed, folder, data, fold=None):
        self.cell, self.seed, self.fold = cell, seed, fold
        part = f"-fold-{fold[0]}-of-{fold[1]}" if fold else ""
        self.label = f"{cell.label}, " + (f"fold {fold[0]} of {fold[1]}, " if fold else "") + f"seed {seed}"
        self.folder = folder / f"{cell.slug}{part}-seed-{seed}"
        self.log = folder / f"{cell.slug}{part}-seed-{seed}.log"
        named = {"data": data} if data and "data" not in cell.options and "train" not in cell.options else {}
        held_out = {"fold": f"{fold[0]}/{fold[1]}"} if fold else {}
        self.options = {**cell.options, **named, **held_out, "seed": str(seed)}
        self.code = self.failure = None  # of a run that was tried: its exit code, 0 when done; why it failed

    def has_ratings(self):
        """Are ratings named, or is it trained on the built-in set?"""
        return "data" in self.options or "train" in self.options

    def option_arguments(self):
        """As the trainer takes them; a flag that is false is --no-NAME."""
        flags = {True: "--{}", False: "--no-{}"}
        return [flags[value].format(name) if isinstance(value, bool) else f"--{name}={value}"
                for name, value in self.options.items()]

    def arguments(self):
        return self.option_arguments() + [f"--out={self.folder}", "--overwrite", "--progress=none",
                                         "--log-level=warn"]

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
        ended = os.stat(self.folder / "run.json").st_mtime
        for entry in record.get("inputs", []):
            if is_changed(entry, ended):
                return CHANGED, f"trained on another '{entry['path']}'"
        return DONE, ""

    def is_done(self):
        return self.state()[0] == DONE

    def agrees(self, name, entry):
        """Was option name as wanted, and left alone, or to the recipe, where nothing is wanted of it? What moves no
        curve may have been set."""
        if name not in self.options:
            if entry["source"] == "recipe":
                return recipes.agrees(self.options, name, entry["value"], records.plain)
            return entry["source"] == "default" or not records.decides_curve(name, entry) or name == "seed"
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
    folds = [(part, plan.folds) for part in range(1, plan.folds + 1)] if plan.folds else [None]
    found = [Run(cell, seed, folder, data, fold) for cell in plan.cells for seed in plan.seeds for fold in folds]
    for run in found:
        check_inputs(plan, run)
    if not all(run.has_ratings() for run in found):
        say("note", "no ratings are named: training on the built-in synthetic set",
            "name some with --set data=PATH, or in COLLAB_PS_DATA")
    return found


def check_inputs(plan, run):
    """Names a file that is not there once, and not run by run."""
    for name in PATHS:
        path = run.options.get(name)
        if isinstance(path, str) and not os.path.exists(path):
            raise Failure(DATA, f"'{plan.path}', '{run.cell.label}', '{name}': there is no '{path}'")


def is_changed(entry, since):
    """Is a file of run.json's inputs another one than at that time (seconds since 1970)? One that was not
    touched since and has its size, where the record knows that, is taken to be the same; else its hash tells."""
    try:
        now = os.stat(entry["path"])
        if now.st_size != entry.get("bytes", now.st_size):
            return True
        return now.st_mtime > since and sha256(entry["path"], now.st_mtime) != entry["sha256"]
    except OSError:
        return True


@functools.cache
def sha256(path, _changed):
    """Of a file as it was last changed."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def out_folder(plan, given):
    return Path(given or f"runs/{plan.get('name')}")
