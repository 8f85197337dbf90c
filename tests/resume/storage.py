"""A disk that fails while checkpoints are written: training continues, and valid checkpoints stay valid.

    storage.py DISK_FAULTS [STRIDE]

Every STRIDE-th call of a save fails, once or permanently, as on a full or a broken disk: the run succeeds with a warning,
and resuming from the checkpoints that it left gives the same end. If the save was the last one because the user told the
run to end, its exit code is 6. No peer is lost if a save takes longer than the peer timeout. Also tested are signals that
arrive too early for a save, or during a slow one.
"""

import errno
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import runs

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import refusal  # noqa: E402
from verdict import Verdict  # noqa: E402

SMALL = ["--factors", 6, "--log-steps", "--progress", "none", "--epochs", 3, "--batch-size", 4000, "--save-every", 1,
         "--keep", 2]
ENDLESS = ["--factors", 6, "--progress", "none", "--epochs", 100000, "--batch-size", 4000]


class Disk:
    """The environment of runs on a disk with faults."""

    def __init__(self, library, path="/checkpoints", **faults):
        self.variables = {"LD_PRELOAD": library, "FAULT_PATH": path,
                          **{f"FAULT_{name}": str(value) for name, value in faults.items()}}

    def __enter__(self):
        os.environ.update(self.variables)

    def __exit__(self, *_):
        for name in self.variables:
            del os.environ[name]


def count_calls(library, folder):
    """The number of calls of a run that may fail, and the run."""
    counted = folder / "count"
    with Disk(library, COUNT=counted):
        uncut = runs.Uncut(folder, SMALL)
    return uncut, int(counted.read_text())


def one_fault(library, uncut, folder, faults):
    """Trains on such a disk, and resumes from its checkpoints. Returns what is wrong, or ''."""
    out, cut = folder / "faulty", folder / "cut"
    for old in (out, cut):
        shutil.rmtree(old, ignore_errors=True)
    with Disk(library, **faults):
        run = launch.launch([*SMALL, "--out", out], cwd=folder, seconds=60)
    if run.code != 0:
        return f"exit code {run.code}: {run.stderr[-400:]}"
    found = uncut.differences(out)
    record = json.loads((out / "run.json").read_text())
    warned = "could not be written" in run.stderr or "still there" in run.stderr
    failed = record["checkpoints"]["failed"] > 0
    if failed and not warned:
        found.append(f"no warning of {record['checkpoints']}")
    shutil.copytree(out, cut)
    record["state"] = "running"
    (cut / "run.json").write_text(json.dumps(record))
    resumed = launch.launch(["--resume", cut, "--progress", "none"], cwd=folder, seconds=60)
    last = record["checkpoints"]["last_step"]
    if resumed.code != 0 or (last and f"going on after step {last} of" not in resumed.stderr):
        found.append(f"going on from step {last}: exit code {resumed.code}: {resumed.stderr[-300:]}")
    else:
        found += uncut.differences(cut)
    return "; ".join(found)


def failing_calls(check, library, folder, stride):
    uncut, calls = count_calls(library, folder)
    wrong, tried = [], 0
    kinds = [("full for good", errno.ENOSPC, 10 ** 9), ("broken once", errno.EIO, 1)]
    for call in range(1, calls + 1, stride):
        for name, number, times in kinds:
            tried += 1
            what = one_fault(library, uncut, folder, {"AT": call, "FOR": times, "ERRNO": number})
            if what:
                wrong.append(f"{name} from call {call} on: {what}")
    check.that(not wrong, f"{tried} faults over {calls} calls of three saves", "; ".join(wrong[:4]))


def last_chance(check, library, folder):
    out = folder / "last"
    with Disk(library, AT=1, FOR=10 ** 9, ERRNO=errno.ENOSPC):
        process = launch.start([*ENDLESS, "--out", out], cwd=folder)
        while not (out / "history.csv").exists() and process.poll() is None:
            pass
        process.terminate()
        run = launch.finish(process, 30)
    check.equal("told to end on a full disk: exit code", run.code, refusal.STORAGE)
    check.that("could not be written" in run.stderr, "told to end on a full disk: said so", run.stderr[-300:])


def slow_disk(check, library, folder):
    for ranks, transport in [(4, "tcp")]:
        out = folder / f"slow-{ranks}"
        with Disk(library, SLOW_MS=450):
            run = launch.launch([*SMALL, "--epochs", 12, "--out", out, "--peer-timeout", 2, "--transport", transport],
                                ranks, 90, cwd=folder)
        record = json.loads((out / "run.json").read_text())
        detail = f"exit code {run.code}, {record['checkpoints']}, {refusal.errors_of(run)}"
        check.that(run.code == 0, f"a save of 4 s and more, peers patient for 2 s, {ranks or 1} ranks", detail)


def second_interrupt(check, library, folder):
    """After one Ctrl-C the run waits for a save that takes a minute; after two it does not."""
    out = folder / "twice"
    with Disk(library, SLOW_MS=10000):
        process = launch.start([*ENDLESS, "--save-every", 1, "--out", out], cwd=folder)
        while not (out / "history.csv").exists() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        check.that(process.poll() is None, "one SIGINT waits for the save")
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        run = launch.finish(process, 30)
    check.equal("a second SIGINT: exit code", run.code, refusal.INTERRUPTED)
    check.that(time.monotonic() - began < 2, "a second SIGINT ends at once", f"{time.monotonic() - began:.1f} s")


def catches(pid, number):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("SigCgt:")[2].split()[0], 16) >> (number - 1) & 1


def before_training(check, folder):
    """A run that is told to end while it loads has nothing to save; a resumed one keeps its checkpoint."""
    out, said = folder / "early", ""
    arguments = [*SMALL, "--out", out]
    for name, wanted in [("a new run", "stopped before the first step"), ("a run that goes on", "stopped before it went on")]:
        for _ in range(5):  # it may have begun before the signal
            process = launch.start(arguments, cwd=folder)
            while process.poll() is None and not catches(process.pid, signal.SIGTERM):
                time.sleep(0.001)
            process.terminate()
            run = launch.finish(process, 30)
            said = f"exit code {run.code}: {run.stderr}"
            if wanted in run.stderr:
                break
            shutil.rmtree(out)
        check.that(run.code == refusal.PREEMPTED and wanted in run.stderr, f"{name} told to end while it loads", said)
        if name == "a new run":
            check.that(not out.exists(), "a new run told to end while it loads leaves nothing")
            process = launch.start([*ENDLESS, "--save-every", 1, "--out", out], cwd=folder)
            while not list(out.glob("checkpoints/*/manifest")):
                time.sleep(0.01)
            process.terminate()
            launch.finish(process, 30)
            arguments = ["--resume", out, "--progress", "none"]
    check.that(list(out.glob("checkpoints/*/manifest")), "its checkpoints are as they were")


def main():
    library, stride = sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 14
    check = Verdict("resume/storage")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        failing_calls(check, library, folder, stride)
        last_chance(check, library, folder)
        slow_disk(check, library, folder)
        second_interrupt(check, library, folder)
        before_training(check, folder)
    check.finish()


main()
