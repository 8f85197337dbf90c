"""Reads the file of an experiment: TOML -> grids of axes -> cells, each one set of options.

All errors are found here, before anything is trained, and reported in one line with the file and the key; only
the names and values of options are checked later, by the trainer. experiment.md is the manual.
"""

import difflib
import hashlib
import itertools
import os
import re
import tomllib
from pathlib import Path

from collab_ps.compare import groups
from collab_ps.experiment.options import names
from collab_ps.files import DATA, USAGE, Failure

KEYS = {"name", "title", "seeds", "folds", "baseline", "metric", "by", "steps", "jobs", "options", "axes", "grid", "references"}
GRID_KEYS = {"options", "axes"}
METRICS = ("last", "best")
RESERVED = {"seed": "use 'seeds'", "fold": "use 'folds'", "out": "the experiment names the folders of its runs",
            "overwrite": "finished runs are never overwritten",
            "progress": "the experiment shows its own", "log-level": "the experiment shows its own messages",
            "config": "all options must be in the experiment's file",
            "resume": "interrupted runs are trained from the start"}
PATHS = ("data", "train", "valid", "init", "batch-order")
MOST_FOLDS = 1000
LONGEST_NAME = 100  # characters of a label in a folder's name; file systems take 255 bytes


class Cell:
    """A set of options, to be trained with every seed. slug: its part of the folders' names."""

    def __init__(self, label, options):
        self.label, self.options, self.slug = label, dict(options), None
        self.ranks = self.options.pop("ranks", 1)


class Plan:
    """The contents of an experiment's file."""

    def __init__(self, path, content):
        self.path, self.content = path, content
        self.cells, self.seeds = [], []
        self.folds = None  # the number of parts of the ratings of which each run holds out one

    def get(self, key, default=None):
        return self.content.get(key, default)

    def refuse(self, where, cause, hint=""):
        raise Failure(USAGE, f"'{self.path}', {where}: {cause}", hint)


def find(name, folder):
    """The path of an experiment's file, given by its path or by the name of one in folder."""
    path = Path(name)
    if path.suffix == ".toml":
        return path
    shipped = folder / f"{name}.toml"
    if "/" not in name and shipped.exists():
        return shipped
    raise Failure(USAGE, f"no experiment is called '{name}'",
                  f"there are {', '.join(names(folder))}; the name of a file ends in .toml")


def read(path):
    """The file's content as a dict."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Failure(USAGE, f"cannot read '{path}': {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Failure(USAGE, f"'{path}' is not TOML: {error}") from None


def load(path, overrides, seeds=None, folds=None):
    """The plan in the file at path. overrides: {option: value} for every run; seeds and folds: texts or numbers in place
    of the file's."""
    plan = Plan(path, read(path))
    check_keys(plan, "at the top", plan.content, KEYS)
    plan.content.setdefault("name", path.stem)
    check_values(plan)
    plan.seeds = read_seeds(plan, seeds)
    plan.folds = read_folds(plan, folds)
    plan.cells = expand(plan, overrides)
    name_folders(plan.cells)
    check_baseline(plan)
    check_references(plan)
    return plan


# ---- the values of the keys --------------------------------------------------------------------------------

def nearest(word, known):
    """A hint: the known word that is closest to word, or all known words."""
    like = difflib.get_close_matches(word, sorted(known), 1)
    return f"did you mean '{like[0]}'?" if like else f"there are {', '.join(sorted(known))}"


def check_keys(plan, where, table, known):
    for key in table:
        if key not in known:
            plan.refuse(where, f"unknown key '{key}'", nearest(key, known))


def is_whole(value):
    """Whether value is a whole number; in Python true and false are integers, too."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_text(value):
    return isinstance(value, str) and value.strip() and value.isprintable()


def check_values(plan):
    """Checks the values of the top-level keys except options and axes."""
    for key in ("name", "title", "baseline"):
        if key in plan.content and not is_text(plan.get(key)):
            plan.refuse(f"'{key}'", "not a line of text")
    if "/" in plan.get("name") or plan.get("name").startswith("."):
        plan.refuse("'name'", f"'{plan.get('name')}' cannot be the name of a folder")
    if plan.get("metric", "last") not in METRICS:
        plan.refuse("'metric'", f"'{plan.get('metric')}' is none of {', '.join(METRICS)}")
    if not isinstance(plan.get("steps", False), bool):
        plan.refuse("'steps'", "neither true nor false")
    if not is_whole(plan.get("jobs", 1)) or plan.get("jobs", 1) < 1:
        plan.refuse("'jobs'", f"'{plan.get('jobs')}' is not a number of cores, 1 or more")
    check_splits(plan)
    if ("axes" in plan.content) == ("grid" in plan.content):
        plan.refuse("at the top", "needs either [axes] or [[grid]]")


def check_splits(plan):
    by = plan.get("by", "")
    if not isinstance(by, str):
        plan.refuse("'by'", "not a line of text")
    for name in filter(None, by.split(",")):
        if name not in groups.SPLITS:
            plan.refuse("'by'", f"cannot split by '{name}'", f"one of {', '.join(groups.SPLITS)}")


def check_baseline(plan):
    labels = [cell.label for cell in plan.cells]
    baseline = plan.get("baseline")
    if baseline is not None and baseline not in labels:
        plan.refuse("'baseline'", f"no cell is called '{baseline}'", nearest(baseline, labels))


def check_references(plan):
    """Checks that references are files; relative paths start at the experiment's folder."""
    table = plan.get("references", {})
    if not isinstance(table, dict):
        plan.refuse("'references'", "not a table of NAME = \"FILE\"")
    for name, file in table.items():
        if not is_text(name) or not is_text(file):
            plan.refuse(f"[references], '{name}'", "not NAME = \"FILE\"")
        if not (plan.path.parent / file).is_file():
            raise Failure(DATA, f"'{plan.path}', [references], '{name}': no file '{plan.path.parent / file}'")


def read_seeds(plan, given):
    """The list of seeds: a number N means 1 to N; else a list, or the text 'A,B,…' on the command line."""
    where = f"'{plan.path}', 'seeds'" if given is None else "--seeds"
    value = plan.get("seeds", 1) if given is None else read_seed_text(given)
    if is_whole(value) and value >= 1:
        return list(range(1, value + 1))
    if not isinstance(value, list) or not value or not all(is_whole(seed) and 0 <= seed < 2**64 for seed in value):
        raise Failure(USAGE, f"{where}: '{given or show(value)}' is neither a number of seeds, "
                             "1 or more, nor a list of seeds")
    if len(set(value)) < len(value):
        raise Failure(USAGE, f"{where}: a seed is listed twice")
    return value


def read_seed_text(text):
    """The number or the list of numbers in text; None if it is neither."""
    try:
        parts = [int(part) for part in text.split(",")]
    except ValueError:
        return None
    return parts if "," in text else parts[0]


def read_folds(plan, given):
    """The number of folds, at least two; None if each run draws its own split."""
    value = plan.get("folds") if given is None else given
    if value is None:
        return None
    if not is_whole(value) or not 2 <= value <= MOST_FOLDS:
        where = f"'{plan.path}', 'folds'" if given is None else "--folds"
        raise Failure(USAGE, f"{where}: '{show(value)}' is not a number of folds, 2 to {MOST_FOLDS}")
    return value


# ---- options -----------------------------------------------------------------------------------------------

def read_options(plan, where, table, base):
    """{option: text, or true or false for a flag}, checked to be valid on a command line; relative paths start at the
    folder base."""
    if not isinstance(table, dict):
        plan.refuse(where, "not a table of options")
    return {name: read_option(plan, f"{where}, '{name}'", name, value, base) for name, value in table.items()}


def read_option(plan, where, name, value, base):
    if not re.fullmatch(r"\w[\w-]*", name):
        plan.refuse(where, "not the name of an option")
    if name in RESERVED:
        plan.refuse(where, f"not an option to set here: {RESERVED[name]}")
    if name == "ranks":
        return read_ranks(plan, where, value)
    if isinstance(value, bool):
        return value
    if not isinstance(value, (str, int, float)) or (isinstance(value, str) and not is_text(value)):
        plan.refuse(where, "neither a line of text, nor a number, nor true or false")
    return os.path.abspath(os.path.join(base, value)) if name in PATHS and isinstance(value, str) else str(value)


def read_ranks(plan, where, value):
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if not is_whole(value) or value < 1:
        plan.refuse(where, f"'{value}' is not a number of ranks, 1 or more")
    return value


def read_overrides(texts):
    """{option: value} of the OPTION=VALUE of --set; true and false set flags, as in a file."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Failure(USAGE, f"--set '{text}' is not OPTION=VALUE")
        found[name] = {"true": True, "false": False}.get(value, value)
    return found


# ---- cells -------------------------------------------------------------------------------------------------

def axis_values(plan, where, name, axis, base):
    """[(label, options)] along an axis: values of the option with the axis' name, or named sets of options."""
    where = f"{where}, axis '{name}'"
    if isinstance(axis, list) and axis:
        return [(f"{name} {show(value)}", read_options(plan, where, {name: value}, base)) for value in axis]
    if isinstance(axis, dict) and axis:
        return [(label, read_options(plan, f"{where}, '{label}'", options, base)) for label, options in axis.items()]
    return plan.refuse(where, "neither a list of values nor a table of named option sets")


def show(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def grids(plan):
    """[(where, table)] of the grids; a file with [axes] has one."""
    if "axes" in plan.content:
        return [("at the top", {"axes": plan.get("axes")})]
    tables = plan.get("grid")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        plan.refuse("'grid'", "not written as [[grid]]")
    found = [(f"[[grid]] {i + 1}", table) for i, table in enumerate(tables)]
    for where, table in found:
        check_keys(plan, where, table, GRID_KEYS)
    return found


def expand(plan, overrides):
    """The cells of all grids. Equal sets of options are one cell, with the label of the first."""
    here = plan.path.parent
    shared = read_options(plan, "[options]", plan.get("options", {}), here)
    shared.update({"log-steps": True} if plan.get("steps") and "log-steps" not in shared else {})
    over = read_options(plan, "--set", overrides, ".")
    cells, known = [], []
    for where, grid in grids(plan):
        table = grid.get("axes", {})
        if not isinstance(table, dict):
            plan.refuse(where, "'axes' is not a table")
        axes = [axis_values(plan, where, name, axis, here) for name, axis in table.items()]
        check_axes(plan, where, list(table), axes, over)
        own = {**shared, **read_options(plan, f"{where}, options", grid.get("options", {}), here), **over}
        for point in itertools.product(*axes):
            options = {**own, **{name: value for _, extra in point for name, value in extra.items()}}
            if options not in known:
                known.append(options)
                cells.append(Cell(", ".join(label for label, _ in point) or plan.get("name"), options))
    check_labels(plan, cells)
    return cells


def check_axes(plan, where, axis_names, axes, over):
    """Refuses two axes that set the same option, and --set of an axis' option: labels would be wrong."""
    owners = {}
    for axis, values in zip(axis_names, axes):
        for option in {option for _, options in values for option in options}:
            if option in over:
                raise Failure(USAGE, f"--set {option}: axis '{axis}' of '{plan.path}' varies it",
                              "copy the file and change it there")
            if option in owners:
                plan.refuse(where, f"axes '{owners[option]}' and '{axis}' both set '{option}'")
            owners[option] = axis


def check_labels(plan, cells):
    labels = [cell.label for cell in cells]
    for label in labels:
        if not is_text(label):
            plan.refuse("in its axes", f"the label {label!r} is not a line of text")
        if label.startswith("-"):
            plan.refuse("in its axes", f"the label '{label}' looks like an option of compare")
        if labels.count(label) > 1:
            plan.refuse("in its axes", f"two different sets of options are both called '{label}'")


def name_folders(cells):
    """Sets the slug of each cell. Labels that would share a slug have a hash of the label appended, so that slugs depend
    on the labels alone."""
    plain = [re.sub(r"[^\w.+-]+", "-", cell.label).strip("-.")[:LONGEST_NAME] for cell in cells]
    for cell, slug in zip(cells, plain):
        alone = slug and plain.count(slug) == 1 and len(slug.encode()) <= 2 * LONGEST_NAME
        digest = hashlib.sha256(cell.label.encode()).hexdigest()[:8]
        cell.slug = slug if alone else f"{slug[:LONGEST_NAME // 2]}-{digest}".lstrip("-")
