"""Seconds per epoch of collab-ps, on one rank and on several, and of a bare PyTorch loop on the same machine.

All variants run in turn, several times, so that slow phases of the machine affect all alike; medians are shown. Without
PyTorch (Debian: python3-torch) its ratios are left out.

    bench.py PROGRAM [--repeats N] [--epochs N] [--data FOLDER]
"""
import argparse
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import measure

# name, ranks, transport
SHAPES = [("1 process", 1, "auto"), ("n=2 mpi", 2, "mpi"), ("n=8 mpi", 8, "mpi"), ("n=8 ipc", 8, "ipc"),
          ("n=8 tcp", 8, "tcp")]


def find_data(program, named, folder):
    """(folder, ratings file in it): those named, MovieLens-100k, or a synthetic set."""
    for path in [named, os.environ.get("COLLAB_PS_DATA"), "data/ml-100k"]:
        if path and pathlib.Path(path, "u.data").is_file():
            return path, str(pathlib.Path(path, "u.data")), "MovieLens 100k"
    made = str(pathlib.Path(folder, "synthetic"))
    subprocess.run([program, "synth", "--out", made], check=True, stdout=subprocess.DEVNULL)
    return made, str(pathlib.Path(made, "ratings.csv")), "synthetic, of MovieLens 100k's shape"


def run_torch(ratings, epochs):
    """The faster of one thread and PyTorch's default number of threads; None without PyTorch."""
    script = str(pathlib.Path(__file__).with_name("torch_loop.py"))
    results = []
    for threads in (1, 0):
        done = subprocess.run([sys.executable, script, ratings, str(epochs), str(threads)], check=True,
                              stdout=subprocess.PIPE)
        results.append(json.loads(done.stdout))
    return min(results, key=lambda result: statistics.median(result["epochs_s"]))


def torch_row(results):
    seconds = statistics.median(value for result in results for value in result["epochs_s"])
    peak = statistics.median(result["peak_mib"] for result in results)
    return seconds, ["PyTorch", f"{seconds:.3f}", "1.0", f"{results[0]['train'] / seconds / 1e3:,.0f} k", "", "", "",
                     f"{peak:,.0f}"]


def shape_row(name, runs, torch_s):
    seconds = measure.epoch_s(runs)
    run = runs[-1]
    single = run.record["cluster"]["transport"] == "memory"
    return [name, f"{seconds:.3f}", f"{torch_s / seconds:.1f}" if torch_s else "",
            f"{run.train_ratings / seconds / 1e3:,.0f} k",
            "" if single else f"{statistics.median(r.exchanges_per_s() for r in runs):,.0f}",
            "" if single else f"{run.bytes_per_rating():,.0f}",
            run.record["result"]["curve_sha256"][:8],
            f"{statistics.median(sum(r.peaks_mib) for r in runs):,.0f}"]


def show(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                        for column, (cell, width) in enumerate(zip(row, widths))))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--data")
    arguments = parser.parse_args()
    with_torch = importlib.util.find_spec("torch") is not None
    if not with_torch:
        print("no PyTorch for this Python (Debian: python3-torch): its row and the ratios are left out")
    with tempfile.TemporaryDirectory() as folder:
        data, ratings, what = find_data(arguments.program, arguments.data, folder)
        torch_results, runs = [], {name: [] for name, _, _ in SHAPES}
        for _ in range(arguments.repeats):
            if with_torch:
                torch_results.append(run_torch(ratings, arguments.epochs))
            for name, ranks, transport in SHAPES:
                options = ["--data", data, "--epochs", str(arguments.epochs), "--transport", transport]
                runs[name].append(measure.Run(arguments.program, ranks, options))
    print(f"machine: {measure.machine()}")
    print(f"ratings: {what}; batch 64, 50 factors, medians of {arguments.repeats} x {arguments.epochs} epochs")
    rows = [["", "s/epoch", "x PyTorch", "ratings/s", "exchanges/s", "bytes/rating", "curve", "peak MiB"]]
    torch_s, row = torch_row(torch_results) if with_torch else (None, None)
    rows += [row] if row else []
    rows += [shape_row(name, runs[name], torch_s) for name, _, _ in SHAPES]
    show(rows)


if __name__ == "__main__":
    main()
