"""Runs that are interrupted and resumed, whose records must equal those of a run without interruption.

    uncut = Uncut(folder, arguments)          the run without interruption
    run = CutRun(folder / "a", arguments)     the same run, to be started and interrupted any number of times
    run.start(Shape(4, "tcp")), run.cut("kill", 0.7), run.finish(Shape(2, "mpi"))
    uncut.differences(run.out)                [] if the records are equal
"""

import json
import os
import shutil
import signal
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402

PEER_TIMEOUT = 5
FINISH_SECONDS = 240
GO_SECONDS = 60  # for ranks whose launcher was killed
ATTEMPTS = 20  # to cut a run before its end, which a fast one or a busy machine may bring first


class Shape:
    """The number of ranks (None: one process without a launcher) and the transport of their rows."""

    def __init__(self, ranks, transport="auto"):
        self.ranks = ranks
        self.arguments = ["--transport", transport]
        self.name = f"{ranks or 1} {transport}"


SHAPES = [Shape(None), Shape(2, "mpi"), Shape(3, "tcp"), Shape(4, "mpi"), Shape(5, "ipc")]


def tensorboard_records(folder):
    """The number of records in the event files of a run."""
    count = 0
    for path in sorted((folder / "tb").glob("events*")):
        data, offset = path.read_bytes(), 0
        while offset < len(data):
            offset += 8 + 4 + struct.unpack_from("<Q", data, offset)[0] + 4
            count += 1
        if offset != len(data):
            raise ValueError(f"'{path}' ends within a record")
    return count


def events(folder):
    """The contents of metrics.jsonl without times."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    timed = ("_s",)
    return [(event["run"] == lines[0]["run"], event["step"], event["epoch"], event["name"],
             None if event["name"].endswith(timed) else event["value"]) for event in lines]


def curve(folder):
    return [line.split(",")[:3] for line in (folder / "history.csv").read_text().splitlines()]


def record(folder):
    """run.json, or None if there is none yet."""
    try:
        return json.loads((folder / "run.json").read_text())
    except FileNotFoundError:
        return None


def models(folder):
    """The model, and that of the best epoch if that is another one."""
    return {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}


def summary(stdout):
    """The result printed at the end of a run."""
    told = ("best epoch", "last epoch", "baselines", "model sha256", "curve sha256")
    return [line for line in stdout.splitlines() if line.startswith(told)]


class Uncut:
    def __init__(self, folder, arguments):
        self.out = folder / "uncut"
        run = launch.launch([*arguments, "--out", self.out], cwd=folder, seconds=FINISH_SECONDS)
        if run.code != 0:
            raise SystemExit(f"the uncut run ended with {run.code}: {run.stderr}")
        self.seconds = record(self.out)["timings_s"]["train"]
        self.events = events(self.out)
        self.models = models(self.out)
        self.summary = summary(run.stdout)
        self.records = tensorboard_records(self.out)

    def differences(self, out, stdout=None):
        """The differences of an interrupted run's records, and of its last output if given, from those of this run."""
        found = []
        was, now = record(self.out), record(out)
        for key in ("model_sha256", "curve_sha256", "steps", "epochs", "best_epoch", "best_model_sha256"):
            if was["result"].get(key) != now["result"].get(key):
                found.append(f"{key}: {now['result'].get(key)}")
        if now["state"] != "done":
            found.append(f"state: {now['state']}")
        if curve(out) != curve(self.out):
            found.append("history.csv")
        if (out / "steps.csv").read_bytes() != (self.out / "steps.csv").read_bytes():
            found.append("steps.csv")
        if events(out) != self.events:
            found.append("metrics.jsonl")
        if tensorboard_records(out) != self.records:
            found.append(f"tb: {tensorboard_records(out)} records where there were {self.records}")
        if models(out) != self.models:
            found.append(f"models: {', '.join(models(out))} where there were {', '.join(self.models)}")
        if stdout is not None and summary(stdout) != self.summary:
            found.append(f"summary: {summary(stdout)}")
        return found


class CutRun:
    def __init__(self, out, arguments):
        self.out = out
        self.arguments = arguments
        self.starts = 0
        self.process = self.shape = None

    def command(self, shape):
        """The command of the first start, or of one that resumes; a run interrupted before it had a record begins again."""
        common = ["--progress", "none", "--peer-timeout", PEER_TIMEOUT, *shape.arguments]
        if record(self.out) is None:
            return [*self.arguments, "--out", self.out, *common]
        return ["--resume", self.out, *common]

    def start(self, shape):
        self.starts += 1
        self.shape = shape
        self.process = launch.start(self.command(shape), shape.ranks, cwd=self.out.parent)

    def cut(self, kind, seconds, choose=0, from_start=False):
        """Ends or disturbs the run a number of seconds after its start, or after training began, unless it has already
        ended. Returns its exit code."""
        known = record(self.out)
        while not from_start and record(self.out) == known and self.process.poll() is None:
            time.sleep(0.002)
        limit = time.monotonic() + seconds
        while time.monotonic() < limit and self.process.poll() is None:
            time.sleep(0.005)
        below = launch.descendants(self.process.pid)
        if self.process.poll() is None:
            self.disturb(kind, choose)
        self.stdout, self.stderr = self.await_end(kind)
        self.await_ranks(below)
        return self.process.returncode

    def disturb(self, kind, choose):
        ranks = launch.rank_pids(self.process)
        if kind in ("term", "int", "usr2"):
            # Signals the ranks directly: mpirun gives them only a second, which may not suffice on a busy machine.
            number = {"term": signal.SIGTERM, "int": signal.SIGINT, "usr2": signal.SIGUSR2}[kind]
            self.signal(ranks.get(0, self.process.pid), number)
        elif kind == "save":
            self.signal(ranks.get(0, self.process.pid), signal.SIGUSR1)
            time.sleep(0.2)
            self.signal(ranks.get(choose % max(1, len(ranks)), self.process.pid), signal.SIGKILL)
        elif kind == "rank" and ranks:
            self.signal(ranks[choose % len(ranks)], signal.SIGKILL)
        else:
            self.process.kill()

    @staticmethod
    def signal(pid, number):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    def await_end(self, kind):
        try:
            return self.process.communicate(timeout=FINISH_SECONDS)
        except launch.subprocess.TimeoutExpired:
            launch.end(self.process)
            raise SystemExit(f"a run did not end after '{kind}' ({self.shape.name}, '{self.out}')") from None

    def await_ranks(self, pids):
        """Waits for the ranks, which outlive a killed launcher for a while and lock the run's folder."""
        limit = time.monotonic() + GO_SECONDS
        while any(is_alive(pid) for pid in pids):
            if time.monotonic() > limit:
                raise SystemExit(f"ranks of '{self.out}' are still there {GO_SECONDS} s after their launcher")
            time.sleep(0.02)

    def is_done(self):
        now = record(self.out)
        return now is not None and now["state"] == "done"

    def forget(self):
        """Removes what the run has left: for another attempt."""
        shutil.rmtree(self.out, ignore_errors=True)

    def finish(self, shape):
        """Resumes the run to its end. Returns what went wrong, or ''."""
        if self.is_done():
            return ""
        self.start(shape)
        run = launch.finish(self.process, FINISH_SECONDS)
        self.stdout, self.stderr = run.stdout, run.stderr
        return "" if run.code == 0 else f"exit code {run.code} in shape {shape.name}: {run.stderr[-600:]}"


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
