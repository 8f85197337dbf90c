"""Where the program and the data sets of the checks are.

Environment variables name them; ctest sets COLLAB_PS_PROGRAM. Recordings and ratings are not
part of the repository: by default they are looked for in a folder 'shared' beside it.
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
    """A copy of a file or folder that every user may read and run, wherever the original lies: a check that becomes
    somebody else could not, in a clone that belongs to root alone."""
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
    """The folder of recordings; ends the check when there is none."""
    return need(Path(os.environ.get("COLLAB_PS_GOLDEN", SHARED / "golden")), "recordings", "COLLAB_PS_GOLDEN")


def movielens_100k():
    """A folder with u.data and u.item; ends the check when there is none."""
    folder = Path(os.environ.get("COLLAB_PS_DATA", SHARED / "data" / "ml-100k"))
    need(folder / "u.data", "MovieLens-100k", "COLLAB_PS_DATA")
    return folder
