"""Twenty million synthetic ratings: loads them on four ranks, trains one epoch and shows time and memory.

    scale.py PROGRAM [--ratings N] [--users N] [--movies N] [--ranks N] [--folder DIR]

Needs about 0.5 GB of disk for the ratings, in DIR or the default folder for temporary files; removes them at the end.
"""
import argparse
import pathlib
import subprocess
import tempfile

import measure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--ratings", type=int, default=20_000_000)
    parser.add_argument("--users", type=int, default=138_000)
    parser.add_argument("--movies", type=int, default=27_000)
    parser.add_argument("--ranks", type=int, default=4)
    parser.add_argument("--folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        data = pathlib.Path(folder, "ratings")
        subprocess.run([arguments.program, "synth", "--users", str(arguments.users), "--items",
                        str(arguments.movies), "--ratings", str(arguments.ratings), "--seed", "1", "--out",
                        str(data)], check=True)
        size = sum(file.stat().st_size for file in data.iterdir())
        run = measure.Run(arguments.program, arguments.ranks,
                          ["--data", str(data), "--epochs", "1", "--batch-size", "8192"])
    timings, seconds = run.record["timings_s"], run.epochs_s[0]
    print(f"machine: {measure.machine()}")
    print(f"ratings: {arguments.ratings:,}, {size / 1e6:,.0f} MB of text; {arguments.ranks} ranks, batch 8192")
    print(f"load:    {timings['load']:.1f} s, {size / 1e6 / timings['load']:,.0f} MB/s")
    print(f"epoch:   {seconds:.1f} s, {run.train_ratings / seconds / 1e3:,.0f} k ratings/s, "
          f"{run.bytes_per_rating():,.0f} bytes carried a rating, valid_loss "
          f"{run.record['result']['valid_loss']:.6f}")
    total = sum(run.peaks_mib)
    by_rank = ", ".join(f"{rank['role']} {mib:,.0f}" for rank, mib in zip(run.ranks, run.peaks_mib))
    print(f"memory:  peak {total:,.0f} MiB in all ({by_rank}), "
          f"{total * 2**20 / arguments.ratings:.0f} bytes a rating")


if __name__ == "__main__":
    main()
