"""Random faults on the test bed: every run ends in time with the right exit code and hash, and leaves no process.

    campaign.py [--count N] [--seed S] [--seconds S]

Six ranks on three hosts train under deploy/launch.sh, and one fault occurs at a random moment. A run must survive some
faults (a link that is down briefly, connections that are reset, a rank that is stopped briefly) and end with 0 and the hash
of one process; after others (a host that is disconnected, a rank stopped or killed, mpirun or one of its daemons killed) it
must end with 4. No process may be left on any host. A trial is repeated with its seed and --count 1.
"""

import argparse
import os
import random
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

import bed as beds
from bed import Bed, launch, places

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import records  # noqa: E402
from verdict import Verdict  # noqa: E402

RANKS, TIMEOUT_S, DEADLINE_S, PORT = 6, 2.5, 40, 25000
JOB = ["--batch-size", "1024", "--factors", "8", "--epochs", "15", "--progress", "none"]


def processes(bed, name):
    """[(host, pid)] of the processes with this name on the bed."""
    found = []
    for i, host in enumerate(bed.hosts):
        for pid in host.pids():
            try:
                if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                    found.append((i, pid))
            except OSError:
                pass
    return found


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def flap(bed, draw):
    host = draw.randrange(3)
    bed.cut(host)
    time.sleep(draw.uniform(0.05, 1))
    bed.mend(host)
    return f"link of h{host} down for a moment", 0


def reset(bed, draw):
    host = draw.randrange(3)
    bed.hosts[host].call("nft", "add table ip wall; add chain ip wall in { type filter hook input priority 0 ; }; "
                         f"add rule ip wall in tcp dport {PORT}-{PORT + RANKS} reject with tcp reset; "
                         f"add rule ip wall in tcp sport {PORT}-{PORT + RANKS} reject with tcp reset")
    time.sleep(draw.uniform(0.01, 0.3))
    bed.hosts[host].call("nft", "delete", "table", "ip", "wall")
    return f"connections of h{host} reset", 0


def hold(bed, draw):
    host, pid = draw.choice(processes(bed, "collab-ps"))
    send(pid, signal.SIGSTOP)
    time.sleep(draw.uniform(0.05, 1))
    send(pid, signal.SIGCONT)
    return f"a rank on h{host} held for a moment", 0


def cut(bed, draw):
    host = draw.randrange(3)
    bed.cut(host)
    return f"h{host} cut off", 4


def stop(bed, draw):
    host, pid = draw.choice(processes(bed, "collab-ps"))
    send(pid, signal.SIGSTOP)
    return f"a rank on h{host} stopped", 4


def kill(bed, draw):
    host, pid = draw.choice(processes(bed, "collab-ps"))
    send(pid, signal.SIGKILL)
    return f"a rank on h{host} killed", 4


def kill_mpirun(bed, draw):
    del draw
    for _, pid in processes(bed, "mpirun"):
        send(pid, signal.SIGKILL)
    return "mpirun killed", 4


def kill_daemon(bed, draw):
    host, pid = draw.choice(processes(bed, "orted"))
    send(pid, signal.SIGKILL)
    return f"mpirun's daemon on h{host} killed", 4


FAULTS = [flap, flap, reset, reset, hold, hold, cut, stop, kill, kill_mpirun, kill_daemon]


def trial(bed, data, want, seed):
    """(the fault, what is wrong or '', seconds)."""
    draw, out = random.Random(seed), f"run{seed}"
    process = bed.start(["--data", data, *JOB, "--peer-timeout", TIMEOUT_S, "--port", PORT, "--out", bed.private / out], RANKS, launch.OURS)
    history = bed.files_of(0) / out / "history.csv"
    until = time.monotonic() + DEADLINE_S
    while process.poll() is None and not history.exists() and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(draw.uniform(0, 1))
    if process.poll() is not None:
        launch.finish(process, 1)
        return "ended before the fault", "", 0
    try:
        what, code = draw.choice(FAULTS)(bed, draw)
    except IndexError:  # no process is left
        what, code = "ended before the fault", 0
    began = time.monotonic()
    run = launch.finish(process, DEADLINE_S)
    took, wrong = time.monotonic() - began, []
    for host in range(3):
        bed.mend(host)
    if bed.wait_until_empty(5) is None:
        wrong.append(f"left: {bed.left()}")
        for host in bed.hosts:
            for pid in host.pids():
                send(pid, signal.SIGKILL)
    # The run may end before the fault.
    ended = run.code == 0 and records.model_hash(bed.files_of(0) / out) == want
    if not ended and run.code != code:
        wrong.append(f"code {run.code}, not {code}: {run.stderr[-300:]}")
    if run.code == 0 and not ended:
        wrong.append("another hash")
    if run.code == 4 and code == 4 and not re.search("error: ", run.stderr):
        wrong.append("no word of it")
    return what, "; ".join(wrong), took


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1e9)
    asked = parser.parse_args()
    beds.skip_unless_possible("campaign")
    check, data = Verdict("campaign"), places.movielens_100k()
    with tempfile.TemporaryDirectory() as scratch:
        alone = launch.launch(["--data", data, *JOB, "--out", Path(scratch) / "one"], None, 120)
        assert alone.code == 0, alone.stderr
        want = records.model_hash(Path(scratch) / "one")
    until = time.monotonic() + asked.seconds
    with Bed(3) as bed:
        for seed in range(asked.seed, asked.seed + asked.count):
            if time.monotonic() > until:
                break
            what, wrong, took = trial(bed, data, want, seed)
            check.that(not wrong, f"seed {seed}: {what}, ended after {took:.1f} s", wrong)
    check.finish()


main()
