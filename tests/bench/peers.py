"""Compares LIBMF with both solvers: ratings per second on one core and two, and seconds to LIBMF's best RMSE.

    COLLAB_PS_LIBMF=…/mf-train peers.py PROGRAM [--folder DIR] [--rounds N] [--batch]

Twenty million synthetic ratings, generated in DIR (bench-data) unless they exist, of which a random tenth is held out.
LIBMF (Chin et al. 2015, ACM TIST 6) runs with 50 factors, l2 0.04, rate 0.1, ten rounds. The programs run in turn, so that
slow phases of the machine affect all of them; the best of the rounds is shown.

Rates are those of a whole pass: training and validation. CPU time is the sum of user and system time of all threads; it
is more informative than wall time if other processes use the machine. The batch solver takes minutes, and runs once,
with --batch.
"""
import argparse
import csv
import json
import os
import pathlib
import random
import re
import resource
import subprocess
import sys
import time

import measure

TICK = os.sysconf("SC_CLK_TCK")
LIBMF = ["-f", "0", "-k", "50", "-l2", "0.04", "-r", "0.1", "-t", "10"]
EPOCHS = 5


def split(folder, seed=7):
    """Writes train and valid for both programs, unless they exist; returns the numbers of ratings."""
    names = {name: folder / name for name in ("train.csv", "valid.csv", "train.mf", "valid.mf")}
    if not all(path.exists() for path in names.values()):
        rng, files = random.Random(seed), {name: open(path, "w") for name, path in names.items()}
        with open(folder / "ratings.csv") as ratings:
            next(ratings)
            for line in ratings:
                user, item, rating = line.split(",")[:3]
                part = "valid" if rng.random() < 0.1 else "train"
                files[part + ".csv"].write(f"{user},{item},{rating}\n")
                files[part + ".mf"].write(f"{user} {item} {rating}\n")
        for file in files.values():
            file.close()
    return names


def processor_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Timed:
    """A complete run of a program: (wall time, CPU time, RMSE) at each pass in its output, counted from the start."""

    def __init__(self, command, pattern, squared):
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        self.passes = []
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in process.stdout:
            found = pattern.match(line)
            if found:
                error = float(found[1]) ** 0.5 if squared else float(found[1])
                self.passes.append((time.monotonic() - began, processor_s(process.pid), error))
        if process.wait():
            raise SystemExit(f"error: '{' '.join(map(str, command))}' ended with {process.returncode}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.clock_s = time.monotonic() - began
        self.processor_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def best(self):
        return min(error for _, _, error in self.passes)

    def pass_s(self, column):
        """The shortest pass, by wall time (0) or CPU time (1)."""
        return min(late[column] - early[column] for early, late in zip(self.passes, self.passes[1:]))

    def until(self, error, column):
        """The time from the program's start until its RMSE is at most error; None if it never is."""
        return next((row[column] for row in self.passes if row[2] <= error), None)

    def training_until(self, error, column):
        """The same without the time before the first pass, which is assumed to be as long as the second."""
        reached = self.until(error, column)
        first = self.passes[0][column] - (self.passes[1][column] - self.passes[0][column])
        return None if reached is None else reached - first


def run_libmf(trainer, names, threads):
    return Timed([trainer, *LIBMF, "-s", threads, "-p", names["valid.mf"], names["train.mf"], names["train.mf"].with_suffix(".model")],
                 re.compile(r"\s*\d+\s+[\d.]+\s+([\d.]+)\s"), False)


def run_own(program, data, out, threads, options):
    return Timed(["stdbuf", "-oL", program, "--data", data, "--threads", threads, "--out", out, "--overwrite", "--progress",
                  "none", "--log-level", "error", *options], re.compile(r"\d+\s+[\d.]+\s+([\d.]+)\s+\d+:"), True)


def best_of(runs, value):
    values = [value(run) for run in runs]
    return min(values) if all(found is not None for found in values) else None


def show(name, runs, train, target, against=None):
    """Prints a row, with ratios to another program's runs."""
    figures = []
    for column in (0, 1):
        figures += [best_of(runs, lambda run: run.pass_s(column)), best_of(runs, lambda run: run.training_until(target, column)),
                    best_of(runs, lambda run: run.until(target, column))]
    ratios = [None] * 6
    if against:
        ratios = [own / other if own is not None and other else None for own, other in zip(figures, against)]
    for which, first in (("clock", 0), ("processor", 3)):
        one, training, whole = figures[first:first + 3]
        text = f"{name:22} {which:9} {train / one / 1e6:7.1f} M/s"
        text += f" {training:7.2f} s {whole:7.2f} s" if whole is not None else "  does not reach it"
        if against:
            text += f"   rate x {1 / ratios[first]:.2f}"
            text += f", training x {ratios[first + 1]:.2f}, whole x {ratios[first + 2]:.2f}" if whole is not None else ""
        print(text, flush=True)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("bench-data"))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batch", action="store_true")
    arguments = parser.parse_args()
    trainer = os.environ.pop("COLLAB_PS_LIBMF", None) or sys.exit("COLLAB_PS_LIBMF names no mf-train")
    program, folder = arguments.program.resolve(), arguments.folder
    if not (folder / "ratings.csv").exists():
        subprocess.run([program, "synth", "--users", "138493", "--items", "26744", "--ratings", "20000000", "--seed", "3",
                        "--out", folder], check=True)
    names, prepared, out = split(folder), folder / "split.set", folder / "run"
    subprocess.run([program, "prepare", "--train", names["train.csv"], "--valid", names["valid.csv"], "--out", prepared],
                   check=True, stdout=subprocess.DEVNULL)
    block = ["--solver", "block", "--epochs", EPOCHS]
    print(f"machine: {measure.machine()}; the best of {arguments.rounds} rounds")
    for threads in (1, 2):
        libmf, own = [], []
        for _ in range(arguments.rounds):
            libmf.append(run_libmf(trainer, names, threads))
            own.append(run_own(program, prepared, out, threads, block))
        train = json.loads((out / "run.json").read_text())["data"]["train"]
        target = round(max(run.best() for run in libmf) + 5e-5, 4)
        print(f"\n{threads} thread{'s' if threads > 1 else ''}: LIBMF's best RMSE {target:.4f}, the block solver's last "
              f"{own[-1].passes[-1][2]:.4f}")
        print(f"{'':32} {'a pass':>11} {'training':>9} {'whole':>9}")
        figures = show("LIBMF", libmf, train, target)
        show("--solver block", own, train, target, figures)
        if arguments.batch:
            batch = run_own(program, prepared, out, threads, ["--solver", "batch", "--batch-size", "8192", "--epochs", EPOCHS])
            show("--solver batch", [batch], train, target, figures)


if __name__ == "__main__":
    main()
