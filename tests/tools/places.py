"""Where the program and the data sets of the checks are.

Environment variables name them; ctest sets COLLAB_PS_PROGRAM. Recordings and ratings are not
part of the repository: by default they are looked for in a folder 'shared' beside it.
"""

import os
from pathlib import Path

from verdict import need

SOURCE = Path(__file__).resolve().parents[2]
SHARED = SOURCE.parent / "shared"


def program():
    """The program under test."""
    return Path(os.environ.get("COLLAB_PS_PROGRAM", SOURCE / "build" / "release" / "collab-ps")).resolve()


def golden():
    """The folder of recordings; ends the check when there is none."""
    return need(Path(os.environ.get("COLLAB_PS_GOLDEN", SHARED / "golden")), "recordings", "COLLAB_PS_GOLDEN")


def movielens_100k():
    """A folder with u.data and u.item; ends the check when there is none."""
    folder = Path(os.environ.get("COLLAB_PS_DATA", SHARED / "data" / "ml-100k"))
    need(folder / "u.data", "MovieLens-100k", "COLLAB_PS_DATA")
    return folder
