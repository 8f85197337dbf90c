"""Runs with a rank that dies, or that stops responding, and runs that are told to stop: all end in time with an error.

    lost_peers.py [NAME ...]

Four ranks: 0 is the coordinator, 1 a server, 2 and 3 workers.
"""

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import refusal  # noqa: E402
from verdict import Verdict  # noqa: E402

ENDLESS = ["--factors", 8, "--epochs", 100000, "--batch-size", 4096, "--progress", "none"]
RANKS = {"coordinator": 0, "server 0": 1, "worker 1": 3}
PEER_TIMEOUT = 2
# Every role over mpi; over the other transports only the roles that differ in who connects.
SILENT = [("mpi", role) for role in RANKS] + [("ipc", "worker 1"), ("tcp", "coordinator"), ("tcp", "server 0")]
BEGIN_SECONDS, END_SECONDS = 30, 20


def begin(out, ranks=None, arguments=(), launcher="mpirun"):
    """Starts a run and waits for its first epoch; returns it and {rank: process id}."""
    process = launch.start([*ENDLESS, *arguments, "--out", out], ranks, cwd=out.parent, launcher=launcher)
    limit = time.monotonic() + BEGIN_SECONDS
    while not (out / "history.csv").exists() and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.02)
    return process, launch.rank_pids(process)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ends(check, name, process, pids):
    """Checks that a run has failed in time, with no process left behind."""
    run = launch.finish(process, END_SECONDS)
    check.that(run.code != launch.TIMED_OUT, f"{name}: ends", f"after {run.seconds:.1f} s, at most {END_SECONDS}")
    time.sleep(0.5)
    left = [rank for rank, pid in pids.items() if is_alive(pid)]
    check.equal(f"{name}: ranks left behind", left, [])
    return run


def killed(check, folder):
    """mpirun notices a rank that dies and ends the others; launch.sh returns the exit code for a lost peer, and the
    surviving ranks record it."""
    for role, rank in list(RANKS.items())[:2]:  # a worker: tests/fault/ends.py
        out = folder / f"kill-{rank}"
        process, pids = begin(out, 4, launcher=launch.OURS)
        os.kill(pids[rank], signal.SIGKILL)
        run = ends(check, f"{role} is killed", process, pids)
        check.equal(f"{role} is killed: exit code", run.code, refusal.PEER)
        if rank != 0:
            record = refusal.state_of(out)
            check.that("a rank was lost" in record["state"] and record["exit_code"] == refusal.PEER,
                       f"{role} is killed: run.json tells", record["state"])


def silent(check, folder):
    """The other ranks notice one that is stopped."""
    for transport, role in SILENT:
        rank = RANKS[role]
        name = f"{role} falls silent, {transport}"
        process, pids = begin(folder / f"stop-{transport}-{rank}", 4,
                              ["--peer-timeout", PEER_TIMEOUT, "--transport", transport])
        os.kill(pids[rank], signal.SIGSTOP)
        run = ends(check, name, process, pids)
        check.equal(f"{name}: exit code", run.code, refusal.PEER)
        named = [error for error in refusal.errors_of(run) if role in error]
        check.that(named, f"{name}: is named", named[0] if named else run.stderr[-600:])


def interrupted(check, folder):
    """A run that is told to stop records it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        for ranks in (None, 4) if number == signal.SIGINT else (None,):  # SIGTERM to a job: tests/fault/ends.py
            name = f"{number.name}, {'one process' if ranks is None else f'{ranks} ranks'}"
            out = folder / f"{number.name}-{ranks}"
            process, pids = begin(out, ranks)
            process.send_signal(number)
            run = ends(check, name, process, pids or {0: process.pid})
            if ranks is None:
                check.equal(f"{name}: exit code", run.code, refusal.PREEMPTED)
                check.equal(f"{name}: what it says", refusal.one_sentence(run, "stopped after step"), "")
            else:
                check.that(run.code not in (0, launch.TIMED_OUT), f"{name}: fails", f"exit code {run.code}")
            state = refusal.state_of(out)
            check.that(state and state["state"].startswith("stopped: stopped after step"), f"{name}: run.json tells", state and state["state"])
            check.equal(f"{name}: half written", refusal.half_written(out), [])
            check.equal(f"{name}: a model if an epoch was over", (out / "model.safetensors").exists(),
                        state["result"]["model_epoch"] is not None)


def main():
    check = Verdict("mpi/lost-peers")
    for part in (killed, silent, interrupted):
        if not sys.argv[1:] or part.__name__ in sys.argv[1:]:
            with tempfile.TemporaryDirectory() as folder:
                part(check, Path(folder))
    check.finish()


main()
