"""Runs collab-ps, alone or under mpirun, and reads back what the run recorded.

Memory is the sum over the ranks of each one's peak of resident memory, watched from outside in /proc. Pages that
ranks share (libraries, the transport's buffers) count once a rank, so that the sum errs upwards.
"""
import csv
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time


def machine():
    """One line: processor, cores and memory of this machine."""
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB"


def _peaks_kb(pid, program, peaks):
    """Notes in peaks the peak of resident memory of pid and all below it that run program."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    if fields["Name"].strip() == program and "VmHWM" in fields:
        peaks[pid] = int(fields["VmHWM"].split()[0])
    for child in children:
        _peaks_kb(int(child), program, peaks)


class Run:
    """One training: seconds of each epoch, run.json, and the ranks' peaks of memory in MB."""

    def __init__(self, program, ranks, options, environment=None, log=subprocess.DEVNULL):
        launcher = ["mpirun", "-n", str(ranks), "--bind-to", "none"] if ranks > 1 else []
        variables = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                         OMPI_MCA_rmaps_base_oversubscribe="1", **(environment or {}))
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder, "run")
            command = launcher + [program, *options, "--out", str(out), "--progress", "none"]
            began = time.monotonic()
            process = subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            peaks = {}
            while process.poll() is None:
                _peaks_kb(process.pid, os.path.basename(program), peaks)
                time.sleep(0.1)
            self.wall_s = time.monotonic() - began
            if process.returncode:
                raise SystemExit(f"error: '{' '.join(command)}' ended with {process.returncode}")
            self.record = json.loads((out / "run.json").read_text())
            with open(out / "history.csv", newline="") as file:
                self.epochs_s = [float(row["time_s"]) for row in csv.DictReader(file)]
        self.peaks_mb = [kb / 1024 for kb in peaks.values()]

    @property
    def train_ratings(self):
        return self.record["data"]["train"]

    def bytes_per_rating(self):
        """What exchanges and rows carried, over the ratings trained on."""
        counters = self.record["counters"]
        carried = counters["exchange"]["bytes"] + counters["rows"]["bytes"]
        return carried / (self.train_ratings * len(self.epochs_s))

    def exchanges_per_s(self):
        return self.record["counters"]["exchange"]["messages"] / sum(self.epochs_s)


def epoch_s(runs):
    """The median epoch of several runs."""
    return statistics.median(seconds for run in runs for seconds in run.epochs_s)
