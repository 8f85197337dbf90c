"""The cost of checkpoints: the stall of training, and the write rate compared with that of the disk.

    saves.py PROGRAM [FOLDER [RATINGS]]

Twenty million synthetic ratings with Adam, generated in FOLDER (bench-data) unless they exist. Runs with a checkpoint
every epoch and without any take turns. The stall is the time that servers spend copying rows and sending them, and the
coordinator spends receiving them; the rate is measured from the start of a checkpoint until it is valid on the disk, and
compared with that of 'dd conv=fsync' for the same number of bytes.
"""
import csv
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import measure

EPOCHS, ROUNDS = 3, 2
SHAPES = (1, 4)


def train(program, data, out, ranks, saving):
    launcher = ["mpirun", "-n", str(ranks), "--bind-to", "none", "--oversubscribe"] if ranks > 1 else []
    command = [*launcher, program, "--data", data, "--batch-size", "8192", "--epochs", str(EPOCHS), "--progress", "none",
               "--out", out, "--overwrite", *(["--save-every", "1"] if saving else [])]
    done = subprocess.run(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"error: '{' '.join(map(str, command))}' ended with {done.returncode}: {done.stderr[-500:]}")
    with open(out / "history.csv", newline="") as file:
        epochs = list(csv.DictReader(file))
    return epochs, json.loads((out / "run.json").read_text())


def median(epochs, name):
    return statistics.median(float(epoch[name]) for epoch in epochs)


def dd_rate(folder, size):
    """The rate of the disk in MB/s for a file of size bytes."""
    began = time.monotonic()
    subprocess.run(["dd", "if=/dev/zero", f"of={folder}/dd", "bs=1M", f"count={size // 2**20}", "conv=fsync"], check=True,
                   stderr=subprocess.DEVNULL)
    return size / 1e6 / (time.monotonic() - began)


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2] if sys.argv[2:] else "bench-data")
    ratings = sys.argv[3] if sys.argv[3:] else "20000000"
    if not (folder / "ratings.csv").exists():
        subprocess.run([program, "synth", "--users", "138493", "--items", "26744", "--ratings", ratings, "--seed", "3",
                        "--out", folder], check=True)
    print(measure.machine())
    with tempfile.TemporaryDirectory(dir=".") as name:
        out = pathlib.Path(name)
        for ranks in SHAPES:
            plain, saved, rates, record = [], [], [], None
            for number in range(ROUNDS):
                plain += train(program, folder, out / "run", ranks, False)[0]
                epochs, record = train(program, folder, out / "run", ranks, True)
                saved += epochs
                size = record["checkpoints"]["bytes"] // record["checkpoints"]["saved"]
                rates.append(dd_rate(out, size))
            checkpoints = record["checkpoints"]
            stall = median(saved, "save_s") - median(plain, "save_s")
            print(f"{ranks} ranks: epoch {median(plain, 'time_s'):.2f} s, with a checkpoint {median(saved, 'time_s'):.2f} s; "
                  f"stall {stall:.3f} s = {100 * stall / median(plain, 'time_s'):.2f} % of it")
            print(f"  {checkpoints['saved']} checkpoints of {size / 1e6:.0f} MB, "
                  f"{checkpoints['bytes'] / 1e6 / checkpoints['seconds']:.0f} MB/s until valid; "
                  f"dd conv=fsync {statistics.median(rates):.0f} MB/s")


main()
