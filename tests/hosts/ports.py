"""A run on one host without encryption listens only on the loopback: its ranks and, under launch.sh or in an experiment,
mpirun as well."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import places  # noqa: E402
from verdict import SKIPPED, Verdict  # noqa: E402

JOB = ["--transport", "tcp", "--encrypt", "off", "--epochs", 1000, "--progress", "none"]


def listening(pids):
    """The addresses and ports on which processes listen, of TCP and UDP."""
    lines = subprocess.run(["ss", "-H", "-ltunp"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split()[4] for line in lines if pids & {int(pid) for pid in re.findall(r"pid=(\d+)", line)}]


def outside(addresses):
    return [address for address in addresses if not address.startswith(("127.", "[::1]"))]


def scan(check, launcher, whole):
    """Checks the ranks or, if whole, all processes that were started."""
    with tempfile.TemporaryDirectory() as scratch:
        process = launch.start([*JOB, "--out", Path(scratch) / "run"], 3, launcher=launcher)
        history, found = Path(scratch) / "run" / "history.csv", []
        until = time.monotonic() + 60
        while not history.exists() and time.monotonic() < until and process.poll() is None:
            time.sleep(0.05)
        ranks = set(launch.rank_pids(process).values())
        found = listening(set(launch.descendants(process.pid)) | {process.pid} if whole else ranks)
        launch.end(process)
    name = Path(launcher).name
    check.that(len(found) >= 3, f"{name}: each rank listens", found)
    check.equal(f"{name}: beside the loopback", outside(found), [])


def scan_experiment(check):
    """The same for all processes that an experiment starts."""
    with tempfile.TemporaryDirectory() as scratch:
        plan = Path(scratch) / "plan.toml"
        plan.write_text('title = "Ports"\nseeds = 1\n\n[options]\nepochs = 100000\n\n[[grid]]\n'
                        'options = { ranks = 3, transport = "tcp", encrypt = "off" }\n')
        process = subprocess.Popen([places.program(), "experiment", plan, "--out", Path(scratch) / "runs"], cwd=scratch,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True)
        until = time.monotonic() + 60
        while not list(Path(scratch).rglob("history.csv")) and time.monotonic() < until and process.poll() is None:
            time.sleep(0.05)
        found = listening(set(launch.descendants(process.pid)))
        logs = " ".join(path.read_text() for path in Path(scratch).rglob("*.log"))
        for pid in launch.descendants(process.pid) + [process.pid]:
            os.kill(pid, signal.SIGKILL)
        process.wait()
    check.that(len(found) >= 4, "experiment: mpirun and each rank listen", (found, logs))
    check.equal("experiment: beside the loopback", outside(found), [])


def main():
    try:
        subprocess.run(["ss", "-V"], capture_output=True, check=True)
    except OSError:
        print("SKIP ports: no ss (Debian: iproute2)")
        sys.exit(SKIPPED)
    check = Verdict("ports")
    scan(check, launch.OURS, True)
    scan(check, "mpirun", False)
    scan_experiment(check)
    check.finish()


main()
