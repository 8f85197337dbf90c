"""Runs collab-ps, alone or under mpirun, and reads back what the run recorded.

Memory is the peak of each rank's resident memory. Pages that ranks share (libraries, the transport's buffers, the text of
the ratings) count for each rank, so that a sum over ranks is too high.
"""
import csv
import json
import os
import pathlib
import statistics
import subprocess
import tempfile


def machine():
    """A line with processor, cores and memory of this machine."""
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB"


class Run:
    """A training run: seconds of each epoch, run.json, and the ranks' peaks of memory in MiB.

    variables are added to its environment; before is called in the new process before the program starts.
    """

    def __init__(self, program, ranks, options, log=subprocess.DEVNULL, variables=None, before=None):
        launcher = ["mpirun", "-n", str(ranks), "--bind-to", "none"] if ranks > 1 else []
        variables = dict(os.environ, **(variables or {}), OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                         OMPI_MCA_rmaps_base_oversubscribe="1")
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder, "run")
            command = launcher + [program, *options, "--out", str(out), "--progress", "none"]
            done = subprocess.run(command, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                  preexec_fn=before)
            if done.returncode:
                raise SystemExit(f"error: '{' '.join(command)}' ended with {done.returncode}")
            self.record = json.loads((out / "run.json").read_text())
            with open(out / "history.csv", newline="") as file:
                self.epochs_s = [float(row["time_s"]) for row in csv.DictReader(file)]
        self.ranks = self.record["cluster"]["ranks"]
        self.peaks_mib = [rank["peak_memory_bytes"] / 2**20 for rank in self.ranks]

    @property
    def train_ratings(self):
        return self.record["data"]["train"]

    def bytes_per_rating(self):
        """Bytes of exchanges and rows per training rating."""
        counters = self.record["counters"]
        carried = counters["exchange"]["bytes"] + counters["rows"]["bytes"]
        return carried / (self.train_ratings * len(self.epochs_s))

    def exchanges_per_s(self):
        """Round trips per second between a worker and a server, over all pairs."""
        return self.record["counters"]["exchange"]["messages"] / sum(self.epochs_s)


def epoch_s(runs):
    """The median epoch of several runs."""
    return statistics.median(seconds for run in runs for seconds in run.epochs_s)
