"""Hostile clients on the network cannot affect a run over tcp: same hash, exit code 0, bounded memory.

    hostile.py [--seconds S] [--seed N]

Raw sockets act as peers that send noise, that perform the handshake in part or wrongly, that announce frames of gigabytes
and never finish them, and that connect by the hundred. Forged frames of peers that know the run's key are tested in
tests/unit/net_zmq.c, and messages of every kind in tests/fuzz/roles_fuzz.c.
"""

import argparse
import random
import re
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import records  # noqa: E402
from strangers import ATTACKS  # noqa: E402
from verdict import Verdict  # noqa: E402

RANKS = 4
MOST_GROWTH_MIB = 200
JOB = ["--transport", "tcp", "--factors", 8, "--batch-size", 64, "--progress", "none"]


def attack(base, until, seed, count):
    """Opens connections to all ranks and sends random attacks; many stay open."""
    draw, held = random.Random(seed), []
    while time.monotonic() < until:
        try:
            peer = socket.create_connection(("127.0.0.1", base + draw.randrange(RANKS)), timeout=1)
            peer.sendall(draw.choice(ATTACKS)(draw))
            count[0] += 1
            held.append(peer)
        except OSError:
            time.sleep(0.01)
        while len(held) > 60:
            held.pop(draw.randrange(len(held))).close()
    for peer in held:
        peer.close()


def memory_mib(pid):
    """The peak resident memory of a process."""
    try:
        return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024
    except (OSError, AttributeError):
        return 0


def hashes(run):
    return re.findall(r"(?:model|curve) sha256\s+([0-9a-f]{64})", run.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args()
    check = Verdict("fault/hostile")
    print(f"seed {asked.seed}", flush=True)
    base = random.Random(asked.seed).randrange(20000, 30000)
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        epochs = ["--epochs", 20]
        want = launch.launch([*JOB[2:], *epochs, "--out", out / "alone"])
        process = launch.start([*JOB, *epochs, "--port", base, "--out", out / "run"], RANKS)
        until, count, most = time.monotonic() + asked.seconds, [0], {}
        threads = [threading.Thread(target=attack, args=(base, until, asked.seed + i, count)) for i in range(3)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            for rank, pid in launch.rank_pids(process).items():
                most[rank] = max(most.get(rank, 0), memory_mib(pid))
            time.sleep(0.2)
        run = launch.finish(process, 300)
        check.equal("attacked: exit code", run.code, 0)
        check.that(run.code == 0 and hashes(run) == hashes(want), "attacked: the hashes of an undisturbed run",
                   f"{count[0]} connections")
        check.at_most("attacked: MiB of memory of any rank", max(most.values(), default=0), MOST_GROWTH_MIB)
        strangers = records.read_record(out / "run")["cluster"]["strangers"] if run.code == 0 else {}
        check.that(strangers.get("connections", 0) > 0 and strangers.get("messages") == 0, "attacked: run.json tells of strangers",
                   strangers)
        for line in run.errors():
            print(line)
    check.finish()


main()
