"""The paths of the program and of the data sets for the checks.

Environment variables name them; ctest sets COLLAB_PS_PROGRAM. Recordings and ratings are not
part of the repository: by default they are expected in a folder 'shared' beside it.
"""

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path

from verdict import need

SOURCE = Path(__file__).resolve().parents[2]
SHARED = SOURCE.parent / "shared"


def program():
    """The program under test."""
    return Path(os.environ.get("COLLAB_PS_PROGRAM", SOURCE / "build" / "release" / "collab-ps")).resolve()


@functools.lru_cache(maxsize=None)
def for_everybody(path):
    """A copy of a file or folder that every user may read and execute: a check that runs as another user could not use
    the original in a clone that only root may read."""
    holder = tempfile.mkdtemp(prefix="collab-ps-open-")
    atexit.register(shutil.rmtree, holder, True)
    copy = Path(holder) / path.name
    if path.is_dir():
        shutil.copytree(path, copy, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(path, copy)
    for place in (Path(holder), copy, *copy.rglob("*")):
        place.chmod(0o755 if place.is_dir() or os.access(place, os.X_OK) else 0o644)
    return copy


def golden():
    """The folder of recordings; the check is skipped if there is none."""
    return need(Path(os.environ.get("COLLAB_PS_GOLDEN", SHARED / "golden")), "recordings", "COLLAB_PS_GOLDEN")


def movielens_100k():
    """A folder with u.data and u.item; the check is skipped if there is none."""
    folder = Path(os.environ.get("COLLAB_PS_DATA", SHARED / "data" / "ml-100k"))
    need(folder / "u.data", "MovieLens-100k", "COLLAB_PS_DATA")
    return folder
