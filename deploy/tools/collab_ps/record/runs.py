"""Reads the runs to compare: run folders of this program, and csv histories of others.

    [NAME=]PATH          a run's folder, a folder of such folders, a csv file, or a pattern of these
      folder             run.json (options, hashes, how it ended) and history.csv (the curve)
      csv                fastai's CSVLogger: epoch,train_loss,valid_loss,…,time
                         several runs in one file: the same, with columns model and seed in front

A path that cannot be used is skipped with the reason, and does not fail the command.
"""

import hashlib
import json
import os

from collab_ps.record import histories, paths
from collab_ps.record.histories import Unusable

FORMAT = 1  # of run.json

# Options that affect the curve but do not separate groups: data are compared by their counts and, between runs, by their
# fingerprint; the runs of a group differ in the seed.
APART = {"data", "seed"}
# Options that do not affect the curve, for records that lack "decides_curve".
ASIDE = {"servers", "workers", "transport", "interface", "encrypt", "port", "isa", "peer-timeout", "load-timeout",
         "out", "log-steps", "progress", "log-level", "config"}

NOTHING = type(None)
# The fields of a finished run's run.json that are used: types, dicts of shapes, or [shape of each element].
SHAPE = {
    "seed": (int, str),  # a string if it is above 2^63 - 1
    "result": {"epochs": int, "steps": int, "curve_sha256": str, "model_sha256": (str, NOTHING)},
    "data": {"fingerprint": str, "ratings": int, "train": int, "users": int, "movies": int},
    "model": {"y_range": (list, NOTHING)},
    "cluster": {"transport": str, "isa": str, "ranks": [{"role": str, "host": str}]},
    "versions": {"collab-ps": str},
}
OPTION = {"value": (str, int, float, NOTHING), "source": str}
INPUTS = [{"option": str, "path": str, "sha256": str}]  # files that options name; missing in early records
BUILD = {"revision": (str, NOTHING)}
TRAINING = {"batch_size": int}
EARLY_STOP = {"patience": int, "after_epoch": int, "planned_epochs": int}  # of runs ended by --early-stop
BASELINES = {"mean_loss": (int, float, NOTHING), "biases_loss": (int, float, NOTHING)}  # missing in early records


class Run:
    """A run: its curve, options and other properties."""

    def __init__(self, path, name, curve, seed=None):
        self.path, self.name, self.curve, self.seed = path, name, curve, seed
        self.options, self.defaults = {}, {}  # options that affect the curve; those of them at their default
        self.machine = {}  # ranks, hosts, version and so on, which do not affect the curve
        self.fingerprint = self.curve_hash = self.model_hash = None
        self.train_ratings = self.step_count = None
        self.foreign = True
        self.reference, self.origin = False, None  # whether it is a --reference; the name given to it
        self.early_stop = None  # {patience, after_epoch, planned_epochs, …} of a run that ended before its last epoch
        self.baselines = {}  # valid_loss of 'mean' and 'biases', if recorded
        self.fold = self.folds = None  # the part of the ratings that it holds out, and the number of parts

    @property
    def seconds(self):
        """The duration of all epochs; None if a time is missing."""
        times = [epoch["time"] for epoch in self.curve]
        return None if None in times else sum(times)

    def key(self):
        """Runs with equal keys count once in a group: the seed, or (seed, fold); the path for runs of other programs."""
        if self.foreign:
            return self.path
        return (self.seed, self.fold) if self.folds else self.seed

    def traits(self, names):
        """The values of names: its name, or properties of the machine."""
        return tuple(self.name if name == "name" else self.machine.get(name) for name in names)

    def losses(self):
        """The curve as a tuple of (train_loss, valid_loss)."""
        return tuple((epoch["train_loss"], epoch["valid_loss"]) for epoch in self.curve)


def refuse_constant(name):
    raise ValueError(name)  # NaN and Infinity, which are not JSON


def read_record(folder):
    """The contents of run.json; Unusable if the folder is not a run's."""
    try:
        with open(os.path.join(folder, "run.json"), encoding="utf-8") as file:
            record = json.load(file, parse_constant=refuse_constant)
    except FileNotFoundError:
        raise Unusable("not a run's folder: it has no 'run.json'") from None
    except OSError as error:
        raise Unusable(f"cannot read 'run.json': {error.strerror}") from None
    except (ValueError, RecursionError):
        raise Unusable("'run.json' is cut short, or not JSON") from None
    if not isinstance(record, dict) or not isinstance(record.get("options"), dict) or "result" not in record:
        raise Unusable("'run.json' is not one of collab-ps")
    if record.get("format") != FORMAT:
        raise Unusable(f"'run.json' has format {record.get('format')}; only format {FORMAT} can be read")
    return record


def conform(value, shape, name):
    """Refuses a value that does not have shape: a type, a dict of shapes, or a list of one shape."""
    wanted = type(shape) if isinstance(shape, (dict, list)) else shape
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise Unusable(f"'run.json' has no usable '{name}'")
    if isinstance(shape, dict):
        for key, part in shape.items():
            conform(value.get(key), part, f"{name}.{key}".lstrip("."))
    elif isinstance(shape, list):
        for part in value:
            conform(part, shape[0], name)


def check_finished(record):
    """Refuses the record of a run that is not done, or that lacks a field that is used."""
    if record.get("state") == "running":
        raise Unusable("not finished: it is still running or was killed")
    if record.get("state") != "done":
        raise Unusable(f"not finished: {record.get('state')}")
    conform(record, SHAPE, "")
    for name, option in record["options"].items():
        conform(option, OPTION, f"options.{name}")
    conform(record.get("inputs", []), INPUTS, "inputs")
    conform(record.get("build", {}), BUILD, "build")
    conform(record.get("training", {"batch_size": 0}), TRAINING, "training")
    conform(record["result"].get("early_stop") or dict.fromkeys(EARLY_STOP, 0), EARLY_STOP, "result.early_stop")
    conform(record.get("baselines") or dict.fromkeys(BASELINES), BASELINES, "baselines")
    limits = record["model"]["y_range"]
    if limits is not None:
        conform(limits, [(int, float)], "model.y_range")
        if len(limits) != 2:
            raise Unusable("'run.json' has no usable 'model.y_range'")


def plain(value):
    """The value of an option in a normal form, in which 0.10 and 1e-1 are equal."""
    try:
        return f"{float(value):.9g}"
    except (TypeError, ValueError, OverflowError):
        return value


def decides_curve(name, entry):
    """Whether an option affects the curve."""
    return entry.get("decides_curve", name not in ASIDE)


def read_seed(value):
    """The seed as a number; seeds too large for a JSON integer are recorded as a string of digits."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise Unusable("'run.json' has no usable 'seed'")
    return int(value)


def searches(options, settled):
    """Whether 'auto' was found on the training ratings, so that every seed has its own: where sgd's decay is 'auto'."""
    return (settled.get("optimizer") == "sgd" and options.get("solver") != "block"
            and "auto" in (options.get("optimizer"), options.get("wd"), options.get("wd-bias")))


def matter(record):
    """({option: value} of the options that affect the curve, {those at their default}). The value of a file is its name
    and the hash of its contents."""
    options = {name: plain(entry["value"]) for name, entry in record["options"].items()
               if decides_curve(name, entry) and name not in APART}
    defaults = {name: value for name, value in options.items() if record["options"][name]["source"] == "default"}
    settled = record.get("training", {})
    searched = searches(options, settled)
    for name in ("optimizer", "epochs", "batch-size", *(() if searched else ("lr-max", "wd", "wd-bias"))):
        value = settled.get(name.replace("-", "_"))
        if options.get(name) == "auto" and value is not None:
            options[name] = plain(value)
    if options.get("wd-bias") == "same":
        options["wd-bias"] = options.get("wd")
    for file in record.get("inputs", []):
        if file["option"] in options:
            options[file["option"]] = f"{os.path.basename(file['path'])} {file['sha256'][:8]}"
    y_range = record["model"]["y_range"]
    if not (searched and options.get("y-range") == "auto"):
        options["y-range"] = f"{y_range[0]:g},{y_range[1]:g}" if y_range else "none"
    data = record["data"]
    options["ratings"] = f"{data['ratings']} by {data['users'] - 1} of {data['movies'] - 1}"
    return options, defaults


def take_fold(run):
    """Splits the option 'fold', such as 2/5: the part is a property of the run, the number of parts one of its group."""
    text = run.options.pop("fold", None)
    run.defaults.pop("fold", None)
    if text in (None, "none"):
        return
    try:
        run.fold, run.folds = map(int, text.split("/"))
    except (ValueError, AttributeError):
        raise Unusable(f"'run.json' has no usable 'options.fold': '{text}'") from None
    run.options["folds"] = str(run.folds)


def describe_machine(record):
    """The properties of a run that do not affect its curve."""
    ranks = record["cluster"]["ranks"]
    roles = [rank["role"] for rank in ranks]  # for early records, which lack the numbers of servers and workers
    source = [record["versions"]["collab-ps"], record.get("build", {}).get("revision")]
    cluster = record["cluster"]
    return {"ranks": len(ranks), "servers": cluster.get("servers", roles.count("server")),
            "workers": cluster.get("workers", roles.count("worker")),
            "hosts": len({rank["host"] for rank in ranks}), "transport": cluster["transport"],
            "isa": cluster["isa"], "version": " ".join(filter(None, source))}


def hash_of(rows):
    """SHA-256 of a history's losses as written, in hexadecimal: the 'curve_sha256' of run.json."""
    columns = ("epoch", "train_loss", "valid_loss")
    lines = [",".join(columns)] + [",".join(row.get(name, "") for name in columns) for row in rows]
    return hashlib.sha256(("\n".join(lines) + "\n").encode()).hexdigest()


def read_history(folder, result):
    """The curve in a run's folder, checked against the epochs and the hash in its record."""
    fits = histories.read_fits(os.path.join(folder, "history.csv"), whole_lines=True)
    rows = fits[0]
    curve = histories.curve_of(rows, "'history.csv'")
    if len(fits) > 1 or len(curve) != result["epochs"]:
        raise Unusable(f"'history.csv' has {sum(map(len, fits))} epochs, 'run.json' {result['epochs']}")
    if hash_of(rows) != result["curve_sha256"]:
        raise Unusable("'history.csv' was changed: its losses do not have the hash that 'run.json' gives")
    return curve


def read_folder(folder, name):
    """The finished run in folder."""
    record = read_record(folder)
    check_finished(record)
    run = Run(folder, name, read_history(folder, record["result"]), read_seed(record["seed"]))
    run.options, run.defaults = matter(record)
    take_fold(run)
    known = record.get("baselines") or {}
    run.early_stop = record["result"].get("early_stop")
    run.baselines = {"mean": known.get("mean_loss"), "biases": known.get("biases_loss")}
    run.machine = describe_machine(record)
    run.fingerprint, run.train_ratings = record["data"]["fingerprint"], record["data"]["train"]
    run.curve_hash, run.model_hash = record["result"]["curve_sha256"], record["result"]["model_sha256"]
    run.step_count = record["result"]["steps"]
    run.foreign = False
    return run


def stem_of(path):
    """The label of a file: its name, or that of its folder for history.csv, which is CSVLogger's default name."""
    stem = os.path.splitext(os.path.basename(path))[0]
    return os.path.basename(os.path.dirname(os.path.abspath(path))) or stem if stem == "history" else stem


def read_csv(path, name):
    """The runs in a csv file: one, or one for each model, seed and fit. Files with the same NAME are one configuration; a
    file without a NAME is one of its own."""
    fits = histories.read_fits(path)
    several = {}
    for fit, rows in enumerate(fits):
        for row in rows:
            several.setdefault((row.get("model"), row.get("seed"), fit), []).append(row)
    found = []
    for (model, seed, fit), rows in several.items():
        parts = [path] + [part for part in (model, seed) if part] + ([f"fit {fit + 1}"] if len(fits) > 1 else [])
        shown = model or name or stem_of(path)
        run = Run(":".join(parts), shown, histories.curve_of(rows, f"'{os.path.basename(path)}'"), seed)
        run.options = {"source": "csv", "model": shown, "file": None if model or name else path}
        found.append(run)
    return found


def read_path(path, name, reference):
    """The runs at path. The name of a reference is its origin; its label is that of the file or the column 'model'."""
    found = [read_folder(path, name)] if os.path.isdir(path) else read_csv(path, None if reference else name)
    for run in found:
        run.reference, run.origin = reference, name if reference else None
    return found


def read(arguments, reference=False):
    """(runs, [(path, why it was skipped)]) of all arguments in their order; each path is read once."""
    found, skipped, seen = [], [], set()
    for argument in arguments:
        name, pattern = paths.split_name(argument)
        expanded = paths.expand(pattern)
        if not expanded:
            skipped.append((pattern, "no such file or folder"))
        for path in expanded:
            place = os.path.realpath(path)
            if place in seen:
                continue
            seen.add(place)
            try:
                new = read_path(path, name, reference)
            except Unusable as error:
                skipped.append((path, str(error)))
            else:
                found += new
    return found, skipped
