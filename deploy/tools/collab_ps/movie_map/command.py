"""collab-ps map RUN --out PICTURE: the movies of a model on the first principal components of their factors.

    collab-ps map RUN --tsv -> item, title, ratings, x, y, z -> points; titles for the most rated

Called by the program, which computes the coordinates. Needs matplotlib. labels.py places the titles.
"""

import csv
import importlib.util
import io
import os
import subprocess
from pathlib import Path

from collab_ps import command_line, files
from collab_ps.command_line import Option
from collab_ps.movie_map import labels

SUFFIXES = (".svg", ".png", ".pdf")
COMMAND = command_line.Command(
    name="map", operand="RUN", many=False, summary="Draws the movies of a model by their factors", epilog="",
    operand_help="a run's folder or a model",
    options=(Option("out", argument="FILE", help="the picture: .svg, .png or .pdf"),
             Option("count", argument="N", default="50", parse=int, help="number of the most rated movies to label"),
             Option("data", argument="PATH", help="the ratings of the run, if they were moved"),
             Option("best", help="use the model of the best epoch")))


def read(settings):
    """(exit code of the program, [{item, title, ratings, x, y, z}] with the most rated first)."""
    program = os.environ.get("COLLAB_PS_PROGRAM", "collab-ps")
    asked = [program, "map", settings.operand, "--tsv"]
    asked += ["--data", settings.data] if settings.data else []
    asked += ["--best"] if settings.best else []
    done = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return done.returncode, []
    return 0, list(csv.DictReader(io.StringIO(done.stdout), delimiter="\t", quoting=csv.QUOTE_NONE))


def draw(rows, count, out):
    """Writes the picture of rows, with titles for the first count of them, to the path out."""
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "collab-ps"  # the same picture has the same bytes
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(12, 12), layout="constrained")
    x, y = ([float(row[axis]) for row in rows] for axis in "xy")
    size = [4 + 40 * int(row["ratings"]) / max(1, int(rows[0]["ratings"])) for row in rows]
    axes.scatter(x, y, s=size, color="#4878a8", alpha=0.35, linewidths=0)
    axes.set_xlabel("first principal component")
    axes.set_ylabel("second principal component")
    axes.set_title(f"{len(rows):,} most rated movies by their factors")
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    labels.place(figure, axes, list(zip(x, y, (row["title"] for row in rows)))[:count])
    temporary = out.with_name(f".{out.stem}.tmp{out.suffix}")
    figure.savefig(temporary, dpi=150, metadata={"Date": None} if out.suffix == ".svg" else None)
    os.replace(temporary, out)


def run(arguments):
    """Runs the command; returns the exit code."""
    settings = command_line.parse(COMMAND, arguments)
    out = Path(settings.out or "map.svg")
    if out.suffix not in SUFFIXES:
        raise files.Failure(files.USAGE, f"'{out}' does not end with {', '.join(SUFFIXES)}")
    if not importlib.util.find_spec("matplotlib"):
        raise files.Failure(files.USAGE, "a picture needs matplotlib", "apt-get install python3-matplotlib")
    code, rows = read(settings)
    if code:
        return code
    try:
        draw(rows, settings.count, out)
    except OSError as error:
        raise files.Failure(files.STORAGE, f"cannot write '{out}': {error.strerror}") from error
    print(out)
    return 0
