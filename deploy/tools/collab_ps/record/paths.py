"""Resolves an argument: NAME=PATH, a pattern, a folder of runs, or a file of a run.

An argument that exists as a path, '=' included, is that path. Else the first '=' that is followed by an existing path
separates name and path, so that 'lr=0.1', 'small=runs/lr=0.1' and 'lr=0.1=runs/a' are all understood.
"""

import glob
import os


def stands_for_something(pattern):
    return os.path.lexists(pattern) or bool(glob.glob(pattern))


def split_name(argument):
    """('NAME', 'PATH') of NAME=PATH; the name is None if none is given."""
    if "=" not in argument or stands_for_something(argument):
        return None, argument
    parts = argument.split("=")
    splits = [("=".join(parts[:i]), "=".join(parts[i:])) for i in range(1, len(parts))]
    for name, path in splits:
        if name and path and stands_for_something(path):
            return name, path
    name, path = splits[0]
    return (name, path) if name and path and "/" not in name else (None, argument)


def runs_inside(folder):
    """The folders in folder if at least one of them is a run's; else []."""
    if not glob.glob(os.path.join(glob.escape(folder), "*", "run.json")):
        return []
    return sorted(entry.path for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))


def run_of(path):
    """The folder of a run for its history.csv or run.json; any other path unchanged."""
    folder, name = os.path.split(path)
    if name == "run.json" or (name == "history.csv" and os.path.exists(os.path.join(folder, "run.json"))):
        return folder or "."
    return path


def expand(pattern):
    """The paths that pattern matches; a folder of runs is replaced by its runs."""
    paths = [pattern] if os.path.lexists(pattern) else sorted(glob.glob(pattern))
    found = []
    for path in paths:
        is_run = os.path.exists(os.path.join(path, "run.json"))
        found += [run_of(path)] if is_run else runs_inside(path) or [run_of(path)]
    return [os.path.normpath(path) for path in found]
