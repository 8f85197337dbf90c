"""Measures a comparison of two hundred runs of 6,250 steps.

    compare.py PROGRAM [--runs N] [--folder DIR]

Trains the runs first, twenty weight decays with ten seeds each, on COLLAB_PS_DATA or else on the built-in
synthetic set of its shape; runs in DIR are reused the next time. Then compares them like a user, writing all four
files, in a new process each time. Needs about 0.6 GB of disk.
"""
import argparse
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import measure

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "tools"
DECAYS = [round(0.01 * i * i, 4) for i in range(20)]
REPEATS = 3


def train(program, folder, count):
    """The folders of the runs; existing ones are reused."""
    folders = []
    for i in range(count):
        decay, seed = DECAYS[i % len(DECAYS)], i // len(DECAYS) + 1
        folders.append(folder / f"wd-{decay}-seed-{seed}")
        if not (folders[-1] / "history.csv").exists():
            subprocess.run([program, "--wd", str(decay), "--seed", str(seed), "--epochs", "5", "--batch-size", "64",
                            "--log-steps", "--progress", "none", "--log-level", "error", "--out", folders[-1]],
                           check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
    return folders


def compare(arguments):
    """(wall time, CPU time) of one comparison in seconds, the best of a few."""
    taken = []
    for _ in range(REPEATS):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run([sys.executable, str(TOOLS), "compare", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)
        after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
        taken.append((seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    return min(taken)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--folder", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folders = train(arguments.program, arguments.folder or pathlib.Path(scratch, "runs"), arguments.runs)
        steps = sum(1 for _ in open(folders[0] / "steps.csv")) - 1
        out = pathlib.Path(scratch, "report")
        print(f"machine: {measure.machine()}, Python {'.'.join(map(str, sys.version_info[:3]))}")
        data = "the ratings of COLLAB_PS_DATA" if os.environ.get("COLLAB_PS_DATA") else "synthetic ratings"
        print(f"runs:    {len(folders)} of {steps:,} steps, on {data}")
        for name, options in (("table alone", []), ("table and four files", ["--out", out]),
                              ("with --steps", ["--out", out, "--steps"])):
            seconds, processor = compare([*folders, *options])
            print(f"{name + ':':22} {seconds:.2f} s, {processor:.2f} s of processor")


if __name__ == "__main__":
    main()
