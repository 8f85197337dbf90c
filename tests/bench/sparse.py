"""Trains the recipe 'best' and the notebook's settings on sets with few ratings a row, and prints the tables of
deploy/tools/collab_ps/experiment/experiment.md: what 'best' reaches beside the ridge-fitted biases of the same run.

    sparse.py PROGRAM MOVIE_SETS [--seeds 1,2,3,4] [--sets NAME …]

MOVIE_SETS is a folder with ml-100k (u.data), ml-1m (ratings.csv or ratings.dat) and movietweetings-100k (ratings.dat).
A seed draws the set, splits it and trains. NAME is a part of a set's name.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

import sparse_sets

STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365)  # 97.5 % quantiles for 1, 2, … degrees of freedom
HEAD = "| set | training ratings a row | notebook's | `best` | biases | `best` less biases, 95 % interval | runs above |"


def train(program, folder, recipe, seed):
    """The record of a run on the ratings in folder."""
    run = subprocess.run([program, "--data", folder / "ratings.csv", "--recipe", recipe, "--seed", str(seed), "--threads", "1",
                          "--progress", "none", "--out", folder / recipe, "--overwrite"], capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(run.stderr)
    return json.loads((folder / recipe / "run.json").read_text())


def measure(program, name, seeds):
    """[(ratings a row, loss of the notebook's settings, of best, of the biases)], one for each seed."""
    found = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            rows = sparse_sets.SETS[name](seed)
            (folder / "ratings.csv").write_text("user,item,rating\n" + "".join(f"{user},{item},{rating:g}\n" for user, item, rating in rows))
            best, notebook = (train(program, folder, recipe, seed) for recipe in ("best", "notebook"))
        data = best["data"]
        found.append((data["train"] / (data["users"] + data["movies"]), notebook["result"]["valid_loss"],
                      best["result"]["valid_loss"], best["baselines"]["biases_loss"]))
    return found


def row_of(name, found):
    density, notebook, best, biases = (statistics.fmean(column) for column in zip(*found))
    differences = [run[2] - run[3] for run in found]
    interval = ""
    if len(found) > 1:
        half = STUDENT[len(found) - 2] * statistics.stdev(differences) / len(found) ** 0.5
        interval = f" [{best - biases - half:+.4f}, {best - biases + half:+.4f}]"
    above = sum(difference > 0 for difference in differences)
    return (f"| {name} | {density:.1f} | {notebook:.4f} | {best:.4f} | {biases:.4f} | {best - biases:+.4f} "
            f"({100 * (best / biases - 1):+.1f} %){interval} | {above} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("movie_sets", type=Path)
    parser.add_argument("--seeds", default="1,2,3,4", help="at most 8")
    parser.add_argument("--sets", nargs="*", default=[])
    arguments = parser.parse_args()
    sparse_sets.FOLDER = arguments.movie_sets
    seeds = [int(seed) for seed in arguments.seeds.split(",")][:8]
    for sets in (sparse_sets.REAL, sparse_sets.SYNTHETIC):
        print(f"{HEAD}\n|---|---|---|---|---|---|---|")
        for name in sets:
            if not arguments.sets or any(part in name for part in arguments.sets):
                print(row_of(name, measure(arguments.program.resolve(), name, seeds)), flush=True)


if __name__ == "__main__":
    main()
