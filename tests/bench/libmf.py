"""Compares the recipe 'best' and the block solver with LIBMF on a random split of a ratings file, with 90 % for training.

    COLLAB_PS_LIBMF=…/mf-train libmf.py PROGRAM RATINGS.csv [SEED]

LIBMF (Chin et al. 2015, ACM TIST 6) runs over a grid of 12: 50 and 100 factors, penalties 0.03, 0.05 and 0.1, rates 0.05
and 0.1, forty rounds. Its best round is shown as well, although it is selected on the ratings that it is evaluated on.
RATINGS has a header, then lines of user, item and rating, separated by commas.
"""

import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 40
OWN = [["--recipe", "best"], ["--solver", "block"], ["--solver", "block", "--factors", "100"]]
GRID = list(itertools.product((50, 100), (0.03, 0.05, 0.1), (0.05, 0.1)))


def split(ratings, folder, seed):
    """Writes train and valid, for both programs."""
    rows = [line.split(",")[:3] for line in Path(ratings).read_text().split()[1:]]
    random.Random(seed).shuffle(rows)
    held = len(rows) // 10
    for name, part in (("valid", rows[:held]), ("train", rows[held:])):
        (folder / f"{name}.csv").write_text("user,movie,rating\n" + "\n".join(map(",".join, part)) + "\n")
        (folder / f"{name}.mf").write_text("\n".join(map(" ".join, part)) + "\n")


def run_libmf(trainer, folder, factors, penalty, rate):
    """(RMSE of the last round, of the best one)."""
    done = subprocess.run([trainer, "-k", str(factors), "-l2", str(penalty), "-r", str(rate), "-t", str(ROUNDS), "-s", "2",
                           "-p", "valid.mf", "train.mf", "model.mf"], cwd=folder, capture_output=True, text=True, check=True)
    rounds = [float(line.split()[2]) for line in done.stdout.splitlines() if line.split()[:1] and line.split()[0].isdigit()]
    return rounds[-1], min(rounds)


def run_own(program, folder, seed, options):
    """(RMSE, RMSE of the biases)."""
    subprocess.run([program, "--train", "train.csv", "--valid", "valid.csv", *options, "--seed", str(seed), "--progress", "none",
                    "--log-level", "error", "--out", "run", "--overwrite"],
                   cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    record = json.loads((folder / "run" / "run.json").read_text())
    return record["result"]["valid_loss"] ** 0.5, record["baselines"]["biases_loss"] ** 0.5


def main():
    program, ratings, seed = Path(sys.argv[1]).resolve(), sys.argv[2], int((sys.argv + [101])[3])
    trainer = os.environ.get("COLLAB_PS_LIBMF") or sys.exit("COLLAB_PS_LIBMF names no mf-train")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        split(ratings, folder, seed)
        for options in OWN:
            own, biases = run_own(program, folder, seed, options)
            print(f"{' '.join(options):50} RMSE {own:.4f}", flush=True)
        print(f"{'ridge-fitted biases':50} RMSE {biases:.4f}")
        for factors, penalty, rate in GRID:
            last, best = run_libmf(trainer, folder, factors, penalty, rate)
            name = f"libmf -k {factors} -l2 {penalty} -r {rate}"
            print(f"{name:50} RMSE {last:.4f}, best round {best:.4f}", flush=True)


if __name__ == "__main__":
    main()
