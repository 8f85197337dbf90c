"""Runs over tcp with connections reset, and ranks stopped, at random: the hash is the same, and no run fails or hangs.

    disturbed.py [--resets N] [--holds N] [--healthy N] [--seed S]

Resets: 'ss -K' destroys both ends of one or several connections between any ranks. Holds: ranks, or single threads of
them (also ZeroMQ's), are stopped for up to half of the peer timeout. Healthy: runs are not disturbed, but several share
the machine.

The short form (a ctest) needs a few seconds; the targets 'campaign-resets', 'campaign-holds' and
'campaign-healthy' are the long ones.
"""

import argparse
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
from verdict import Verdict  # noqa: E402

PEER_TIMEOUT = 8
RANKS = 6  # the coordinator, two servers, three workers
SECONDS = 240  # time limit of a run
JOB = ["--transport", "tcp", "--peer-timeout", PEER_TIMEOUT, "--factors", 8, "--progress", "none"]
SETS = {  # many short steps; short epochs, whose reports come close to the end of what is granted
    "steps": ["--batch-size", 64, "--epochs", 4],
    "epochs": ["--batch-size", 1024, "--epochs", 120],
}
QUIET_SETS = {  # the same, shorter: without disturbances more runs find more
    "steps": ["--batch-size", 64, "--epochs", 1],
    "epochs": ["--batch-size", 1024, "--epochs", 40],
}


def free_base():
    """The first of RANKS consecutive free ports."""
    while True:
        base = random.randrange(20000, 30000)
        try:
            for port in range(base, base + RANKS):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue


def begin(arguments, folder, base=None):
    """Starts a run that listens on the ports from base on, or on any."""
    port = [] if base is None else ["--port", base]
    return launch.start([*JOB, *arguments, *port, "--out", folder], RANKS)


def hashes(run):
    """(model, curve) hashes printed by a run, or None."""
    found = re.findall(r"(?:model|curve) sha256\s+([0-9a-f]{64})", run.stdout)
    return tuple(found) if run.code == 0 and len(found) == 2 else None


def wanted_hashes(sets, folder):
    """The hashes of one process."""
    return {name: hashes(launch.launch([*arguments, "--factors", 8, "--progress", "none", "--overwrite", "--out", folder / name]))
            for name, arguments in sets.items()}


def connections(base):
    """[(port of the one end, port of the listening end)] between ranks."""
    ports = f"( sport >= :{base} and sport < :{base + RANKS} )"
    listing = subprocess.run(["ss", "-tnH", "state", "established", ports], capture_output=True, text=True).stdout
    pairs = []
    for line in listing.splitlines():
        local, peer = line.split()[2:4]
        pairs.append((int(peer.rsplit(":", 1)[1]), int(local.rsplit(":", 1)[1])))
    return pairs


def reset(base, draw):
    """Destroys one or several connections at once; returns their number."""
    pairs = connections(base)
    chosen = draw.sample(pairs, min(len(pairs), draw.choice([1, 1, 1, 2, 3])))
    for client, server in chosen:
        subprocess.run(["ss", "-K", "sport", "=", f":{client}", "dport", "=", f":{server}"], capture_output=True)
    return len(chosen)


def hold(pids, draw):
    """Stops a rank, or a thread of it, for up to half the peer timeout."""
    pid = draw.choice(list(pids))
    threads = [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    seconds = draw.uniform(0.05, PEER_TIMEOUT / 2)
    if draw.random() < 0.5:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)
        return 1
    return hold_thread(draw.choice(threads), seconds)


def hold_thread(thread, seconds):
    """Stops a single thread, by attaching to it like a debugger."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    seize, interrupt, detach = 0x4206, 0x4207, 17
    null = ctypes.c_void_p(0)
    if libc.ptrace(seize, thread, null, null) != 0:
        return 0
    libc.ptrace(interrupt, thread, null, null)
    os.waitpid(thread, 0x40000000)  # __WALL
    time.sleep(seconds)
    libc.ptrace(detach, thread, null, null)
    return 1


def disturb(process, base, what, draw, most):
    """Disturbs the run at random moments until it ends; returns the number of disturbances."""
    done = 0
    time.sleep(1.0)
    while process.poll() is None and done < most:
        time.sleep(draw.uniform(0.02, 0.4))
        try:
            if what == "resets":
                done += reset(base, draw)
            else:
                done += hold(launch.rank_pids(process).values(), draw)
        except (OSError, IndexError):
            continue  # the run has just ended
    return done


def campaign(check, what, wanted, draw, want, folder):
    """Repeats runs until the number of disturbances is reached; a failure names the run."""
    done = runs = 0
    while done < wanted and not check.failures:
        name = draw.choice(list(SETS))
        out = folder / "run"
        base = free_base() if what == "resets" else None
        process = begin(SETS[name], out, base)
        count = []
        thread = threading.Thread(
            target=lambda: count.append(disturb(process, base, what, draw, wanted - done)))
        thread.start()
        run = launch.finish(process, SECONDS)
        thread.join()
        done += count[0]
        runs += 1
        got = hashes(run)
        if got != want[name]:
            check.that(False, f"{what}: run {runs} ('{name}', {count[0]} {what})",
                       f"exit code {run.code} after {run.seconds:.0f} s: {'; '.join(run.errors()[:3])}")
        shutil.rmtree(out, ignore_errors=True)
    check.that(done >= wanted, f"{what}: one hash", f"{done} {what} in {runs} runs")


def healthy(check, wanted, draw, want, folder):
    """Runs several jobs at once, so that all are slow, without disturbing them."""
    done = 0
    while done < wanted and not check.failures:
        names = [draw.choice(list(QUIET_SETS)) for _ in range(min(3, wanted - done))]
        started = [(name, folder / f"run-{i}", begin(QUIET_SETS[name], folder / f"run-{i}"))
                   for i, name in enumerate(names)]
        for name, out, process in started:
            run = launch.finish(process, 3 * SECONDS)
            if hashes(run) != want[name]:
                check.that(False, f"healthy run {done} ('{name}')",
                           f"exit code {run.code} after {run.seconds:.0f} s: {'; '.join(run.errors()[:3])}")
            done += 1
            shutil.rmtree(out, ignore_errors=True)
    check.that(done >= wanted, "healthy: no death, one hash", f"{done} runs")


def can_reset():
    """Whether this machine allows sockets to be destroyed."""
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())
        port = server.getsockname()[1]
        subprocess.run(["ss", "-K", "dport", "=", f":{port}"], capture_output=True)
        try:
            return client.send(b"x") == 0
        except OSError:
            return True


def main():
    parser = argparse.ArgumentParser()
    for name in ("resets", "holds", "healthy"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args()
    check = Verdict("fault/disturbed")
    if asked.resets and not (shutil.which("ss") and can_reset()):
        check.skip("resets", "'ss -K' cannot destroy a socket here")
        asked.resets = 0
    draw = random.Random(asked.seed)
    print(f"seed {asked.seed}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        want = wanted_hashes(SETS, folder)
        for what in ("resets", "holds"):
            if getattr(asked, what):
                campaign(check, what, getattr(asked, what), draw, want, folder)
        if asked.healthy:
            healthy(check, asked.healthy, draw, wanted_hashes(QUIET_SETS, folder), folder)
    check.finish()


main()
