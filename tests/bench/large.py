"""Trains the block solver on a set that exceeds the memory it may use, and on the same set with all the machine's.

    large.py PROGRAM [--ratings N] [--users N] [--movies N] [--memory MIB] [--threads N] [--folder DIR]

Half a billion synthetic ratings by default, prepared, and a limit of 2 GiB, which a memory control group sets (it needs root, and
counts the pages of files that the program has read). Needs 17 GB of disk in DIR for the text and the prepared set, later
4 GB for each, and some ten minutes. Both runs must have the same curve.
"""
import argparse
import contextlib
import os
import pathlib
import subprocess
import tempfile

import measure

GROUPS = pathlib.Path("/sys/fs/cgroup")


class Group:
    """A control group with a limit of memory, under version 1 or 2."""

    def __init__(self, limit):
        old = GROUPS / "memory"
        self.path = (old if old.is_dir() else GROUPS) / f"collab-ps-bench-{os.getpid()}"
        self.path.mkdir()
        self.peak_name = "memory.max_usage_in_bytes" if old.is_dir() else "memory.peak"
        (self.path / ("memory.limit_in_bytes" if old.is_dir() else "memory.max")).write_text(str(limit))
        swap = self.path / ("memory.swappiness" if old.is_dir() else "memory.swap.max")
        if swap.exists():
            swap.write_text("0")

    def enter(self):
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def peak(self):
        return int((self.path / self.peak_name).read_text())

    def remove(self):
        with contextlib.suppress(OSError):
            self.path.rmdir()


def show(name, run, peak):
    seconds = run.epochs_s[0]
    print(f"{name:14} {seconds:8.1f} s an epoch, {run.train_ratings / seconds / 1e6:6.2f} M ratings/s, "
          f"{run.record['timings_s']['total']:8.1f} s in all, memory {peak:,.0f} MiB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--ratings", type=int, default=500_000_000)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--movies", type=int, default=60_000)
    parser.add_argument("--memory", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        text, prepared = pathlib.Path(folder, "ratings"), pathlib.Path(folder, "ratings.set")
        subprocess.run([arguments.program, "synth", "--users", str(arguments.users), "--movies", str(arguments.movies),
                        "--ratings", str(arguments.ratings), "--seed", "1", "--out", str(text)], check=True)
        subprocess.run([arguments.program, "prepare", "--data", str(text), "--out", str(prepared)], check=True)
        for file in text.iterdir():
            file.unlink()
        options = ["--solver", "block", "--data", str(prepared), "--epochs", "1", "--valid-pct", "0.01", "--threads",
                   str(arguments.threads), "--log-level", "error"]
        variables = {"TMPDIR": folder}
        group = Group(arguments.memory << 20)
        try:
            limited = measure.Run(arguments.program, 1, options, variables=variables, before=group.enter)
            peak = group.peak() / 2**20
        finally:
            group.remove()
        free = measure.Run(arguments.program, 1, options, variables=variables)
    print(f"machine: {measure.machine()}")
    print(f"{arguments.ratings:,} ratings, {arguments.threads} threads")
    show(f"{arguments.memory} MiB", limited, peak)
    show("no limit", free, free.peaks_mib[0])
    print(f"rate x {free.epochs_s[0] / limited.epochs_s[0]:.2f}, "
          + ("the same curve" if limited.record["result"]["curve_sha256"] == free.record["result"]["curve_sha256"]
             else "ANOTHER CURVE"))


if __name__ == "__main__":
    main()
