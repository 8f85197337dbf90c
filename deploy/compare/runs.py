"""Reads what is to be compared: run folders of this program, and csv histories of others.

    [NAME=]PATH          a run's folder, a folder of such folders, a csv file, or a pattern of these
      folder             run.json (options, hashes, how it ended) and history.csv (the curve)
      csv                fastai's CSVLogger: epoch,train_loss,valid_loss,…,time
                         several runs in one file: the same with columns model and seed before

What cannot be used is never an error of the whole: it is put on a list with the reason.
"""

import csv
import glob
import json
import os

# What changes no bit of a curve. An option that is not here is taken to matter, so that one that
# is new to this list shows as a difference and cannot hide. The data stands for itself by its counts
# and, run against run, by its fingerprint.
ASIDE = {"data", "seed", "servers", "workers", "transport", "interface", "encrypt", "port", "isa", "peer-timeout",
         "load-timeout", "out", "resume", "save-every", "log-steps", "progress", "log-level", "config", "threads"}


class Run:
    """One curve and what is known of it."""

    def __init__(self, path, name, curve, seed=None):
        self.path, self.name, self.curve, self.seed = path, name, curve, seed
        self.options, self.defaults = {}, {}  # those that matter to the curve; those of them that were defaults
        self.machine = {}  # what should not matter
        self.fingerprint = self.curve_hash = self.model_hash = None
        self.train_ratings = None
        self.foreign = True
        self.reference, self.origin = False, None  # drawn beside the groups; who ran it
        self.steps = None

    @property
    def seconds(self):
        """Of all epochs; None where the times are not known."""
        times = [epoch["time"] for epoch in self.curve]
        return None if None in times else sum(times)

    def share(self):
        """What runs that can be set against each other one by one have in common."""
        return (self.seed, self.fingerprint) if not self.foreign else (None, self.path)


class Unusable(Exception):
    """Why a path is left out."""


def number(text):
    """A float, or None for an empty field or one that is not finite."""
    text = (text or "").strip()
    if not text:
        return None
    value = float(text)
    return value if value - value == 0.0 else None


def clock(text):
    """Seconds of '12.5', '00:12' or '1:02:03'."""
    seconds = 0.0
    for part in (text or "").strip().split(":"):
        if not part:
            return None
        seconds = seconds * 60 + float(part)
    return seconds


def read_rows(path):
    try:
        with open(path, newline="", encoding="utf-8", errors="strict") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise Unusable(f"cannot read '{os.path.basename(path)}': {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error):
        raise Unusable("not a csv file") from None
    if not rows:
        raise Unusable(f"'{os.path.basename(path)}' has no epochs")
    return rows


def read_epoch(row):
    return {"epoch": int(row["epoch"]), "train_loss": number(row.get("train_loss")),
            "valid_loss": number(row.get("valid_loss")), "time": clock(row.get("time_s") or row.get("time"))}


def read_curve(rows, what):
    """The epochs of rows, which must follow each other from 0."""
    try:
        curve = [read_epoch(row) for row in rows]
    except (KeyError, TypeError, ValueError):
        raise Unusable(f"{what} is not a history of epochs") from None
    if [epoch["epoch"] for epoch in curve] != list(range(len(curve))):
        raise Unusable(f"{what} lacks epochs")
    return curve


def read_record(folder):
    """run.json, or why the folder is no finished run."""
    try:
        with open(os.path.join(folder, "run.json"), encoding="utf-8") as file:
            record = json.load(file)
    except FileNotFoundError:
        raise Unusable("not a run's folder: it has no 'run.json'") from None
    except (OSError, ValueError):
        raise Unusable("'run.json' cannot be read, or is cut short") from None
    if not isinstance(record, dict) or not isinstance(record.get("options"), dict) or "result" not in record:
        raise Unusable("'run.json' is not one of collab-ps")
    return record


def plain(value):
    """An option's value so that 0.10 and 1e-1 are one."""
    try:
        return f"{float(value):.9g}"
    except (TypeError, ValueError):
        return value


def matter(record):
    """({option: value} of what the curve is a function of, {those left at their default})."""
    options = {name: plain(entry.get("value")) for name, entry in record["options"].items() if name not in ASIDE}
    defaults = {name: value for name, value in options.items() if record["options"][name]["source"] == "default"}
    if options.get("wd-bias") == "same":
        options["wd-bias"] = options.get("wd")
    y_range = record["model"].get("y_range")
    options["y-range"] = f"{y_range[0]:g},{y_range[1]:g}" if y_range else "none"
    data = record["data"]
    options["ratings"] = f"{data['ratings']} by {data['users'] - 1} of {data['movies'] - 1}"
    return options, defaults


def describe_machine(record):
    """What may differ without moving the curve."""
    ranks = record["cluster"]["ranks"]
    roles = [rank["role"] for rank in ranks]
    return {"ranks": len(ranks), "servers": roles.count("server"), "workers": roles.count("worker"),
            "hosts": len({rank["host"] for rank in ranks}), "transport": record["cluster"]["transport"],
            "isa": record["cluster"]["isa"], "version": record["versions"].get("collab-ps")}


def read_folder(folder, name):
    """The run that folder holds."""
    record = read_record(folder)
    if record.get("state") != "done":
        raise Unusable(f"not finished: {record.get('state')}")
    run = Run(folder, name, read_curve(read_rows(os.path.join(folder, "history.csv")), "'history.csv'"))
    try:
        if len(run.curve) != record["result"]["epochs"]:
            raise Unusable(f"'history.csv' has {len(run.curve)} epochs, 'run.json' {record['result']['epochs']}")
        run.options, run.defaults = matter(record)
        run.machine = describe_machine(record)
        run.seed, run.fingerprint = record["seed"], record["data"]["fingerprint"]
        run.train_ratings = record["data"]["train"]
        run.curve_hash, run.model_hash = record["result"]["curve_sha256"], record["result"]["model_sha256"]
    except (KeyError, TypeError, AttributeError):
        raise Unusable("'run.json' lacks what this version of compare needs") from None
    run.foreign = False
    return run


def read_csv(path, name):
    """The runs of a csv file: one, or one for each model and seed."""
    rows = read_rows(path)
    if not {"epoch", "valid_loss"} <= set(rows[0]):
        raise Unusable("it has no columns epoch and valid_loss")
    stem = os.path.splitext(os.path.basename(path))[0]
    several = {}
    for row in rows:
        several.setdefault((row.get("model") or name or stem, row.get("seed")), []).append(row)
    found = []
    for (model, seed), part in several.items():
        run = Run(path if seed is None else f"{path}:{model}:{seed}", model, read_curve(part, "the file"), seed)
        run.options = {"source": "csv", "model": model}
        found.append(run)
    return found


def split_name(argument):
    """('NAME', 'PATH') of NAME=PATH; the name is None where '=' belongs to the path."""
    name, equals, path = argument.partition("=")
    if not equals or not name or "/" in name or os.path.lexists(argument):
        return None, argument
    return name, path


def expand(pattern):
    """The paths that pattern stands for; a folder of runs stands for its runs."""
    paths = [pattern] if os.path.lexists(pattern) else sorted(glob.glob(pattern))
    found = []
    for path in paths:
        inside = sorted(glob.glob(os.path.join(glob.escape(path), "*", "run.json")))
        is_run = os.path.exists(os.path.join(path, "run.json"))
        found += [path] if is_run or not inside else sorted(
            entry.path for entry in os.scandir(path) if entry.is_dir() and not entry.name.startswith("."))
    return [os.path.normpath(path) for path in found]


def read(arguments, reference=False):
    """(runs, [(path, why it is left out)]) of all arguments, in their order; each path once."""
    found, skipped, seen = [], [], set()
    for argument in arguments:
        name, pattern = split_name(argument)
        paths = expand(pattern)
        if not paths:
            skipped.append((pattern, "there is nothing of that name"))
        for path in (path for path in paths if path not in seen):
            seen.add(path)
            try:
                new = [read_folder(path, name)] if os.path.isdir(path) else read_csv(path, None if reference else name)
            except Unusable as error:
                skipped.append((path, str(error)))
                continue
            for run in new:
                run.reference = reference
                run.origin = name if reference else None
            found += new
    return found, skipped


def read_steps(run, points=150):
    """The losses of steps.csv as means over stretches: [(epoch, loss)], or None without the file."""
    try:
        with open(os.path.join(run.path, "steps.csv"), encoding="ascii") as file:
            next(file)
            losses = [float(line.rsplit(",", 1)[1]) for line in file]
    except (OSError, StopIteration, ValueError, IndexError):
        return None
    stretch = max(1, -(-len(losses) // points))
    per_epoch = len(losses) / len(run.curve)
    return [((start + stretch / 2) / per_epoch, sum(losses[start:start + stretch]) / len(losses[start:start + stretch]))
            for start in range(0, len(losses), stretch)]
