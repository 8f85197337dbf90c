"""A run for the tests of commands that use a model, and its model in NumPy."""

import csv
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import places  # noqa: E402
from arrays import numpy  # noqa: E402


def train(folder, *arguments):
    """Trains into folder and returns it."""
    data = [] if "--train" in arguments else ["--data", places.movielens_100k()]
    done = launch.launch(["--out", folder, "--progress", "none", *data, *arguments])
    if done.code:
        sys.exit(f"training failed: {done.stderr}")
    return folder


def use(command, *arguments, text="", seconds=60):
    """Runs a command with text as its standard input; returns the CompletedProcess."""
    return subprocess.run(launch.command_line([command, *arguments]), input=text, capture_output=True, text=True,
                          timeout=seconds, env=launch.environment(), check=False)


def tsv(command, *arguments, text=""):
    """The rows of its TSV output as dictionaries."""
    done = use(command, *arguments, "--tsv", text=text)
    if done.returncode:
        sys.exit(f"'{command}' failed: {done.stderr}")
    return list(csv.DictReader(done.stdout.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def tensors(path):
    """The README's snippet: name -> array."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:8 + size])
    return {name: numpy.frombuffer(raw[8 + size:][slice(*t["data_offsets"])], "<f4").reshape(t["shape"])
            for name, t in header.items() if name != "__metadata__"}


def names(path):
    """Rows of users.tsv or movies.tsv without the row number."""
    with open(path, newline="") as file:
        return [line.rstrip("\n").split("\t")[1:] for line in list(file)[1:]]


def scores(model, user_rows, movie_rows):
    """<u, m> + bu + bm in double, for arrays of rows."""
    double = {name: array.astype(numpy.float64) for name, array in model.items()}
    products = (double["user_factors.weight"][user_rows] * double["movie_factors.weight"][movie_rows]).sum(axis=-1)
    return products + double["user_bias.weight"][user_rows, 0] + double["movie_bias.weight"][movie_rows, 0]


def predictions(model, user_rows, movie_rows, low=0.0, high=5.5):
    return low + (high - low) / (1 + numpy.exp(-scores(model, user_rows, movie_rows)))


def movielens():
    """[(user, movie id, rating)] of MovieLens-100k."""
    with open(places.movielens_100k() / "u.data") as file:
        return [(u, m, float(r)) for u, m, r, _ in (line.split("\t") for line in file)]
