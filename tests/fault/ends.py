"""How runs end: exit code, last line, run.json and what is left behind, by cause, launcher and transport.

    ends.py [--table] [CAUSE ...]

Without --table a few causes are checked against README.md and deploy/ends.md; with it all are tried, and the table of
deploy/ends.md is printed.
"""

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
import refusal  # noqa: E402
from verdict import Verdict  # noqa: E402

ENDLESS = ["--factors", 8, "--epochs", 100000, "--batch-size", 4096, "--progress", "none", "--peer-timeout", 3]
SHORT = ["--factors", 8, "--epochs", 3, "--batch-size", 512, "--progress", "none", "--log-steps", "--peer-timeout", 3]
RANKS = {"coordinator": 0, "server": 1, "worker": 3}
SECONDS = 60
SHAPES = [("alone", None), ("mpirun", "mpi"), ("mpirun", "ipc"), ("mpirun", "tcp"), ("launch.sh", "mpi"),
          ("launch.sh", "ipc"), ("launch.sh", "tcp")]


class Case:
    """A run in a folder of its own, with a launcher and a transport."""

    def __init__(self, folder, launcher, transport):
        self.folder, self.launcher, self.transport = folder, launcher, transport
        self.out = folder / "run"

    def start(self, arguments, limits="", stdout=subprocess.PIPE):
        """Starts the run; limits: shell commands that each rank runs before the program."""
        own = [str(places.program()), *map(str, arguments), "--out", str(self.out)]
        if self.transport:
            own += ["--transport", self.transport]
        if limits:
            own = ["bash", "-c", f'{limits}; exec "$@"', "bash", *own]
        above = {"alone": [], "mpirun": ["mpirun", "--quiet", "-n", "4", "--bind-to", "none"],
                 "launch.sh": [launch.OURS, "-n", "4", "--bind-to", "none"]}[self.launcher]
        return subprocess.Popen([*above, *own], stdout=stdout, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                                errors="replace", env=launch.environment(4), cwd=self.folder, start_new_session=True)

    def begin(self, arguments=ENDLESS):
        """Starts a run and waits for its first epoch; returns it and {rank: process id}."""
        process = self.start(arguments)
        limit = time.monotonic() + 40
        while not (self.out / "history.csv").exists() and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.02)
        return process, launch.rank_pids(process)


def signalled(number, role=None, wait=0.0):
    def run(case):
        process, pids = case.begin()
        time.sleep(wait)
        os.kill(pids[RANKS[role]] if role and pids else process.pid, number)
        return process
    return run


def limited(limits):
    return lambda case: case.start(SHORT, limits)


def unwritable(case):
    with open("/dev/full", "w") as full:
        return case.start(SHORT, stdout=full)


def full_disk(case):
    case.out.parent.mkdir(exist_ok=True)
    disk = case.folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "none", disk], check=True)
    case.out = disk / "run"
    return case.start([*SHORT, "--batch-size", 16])


def reads(process, folder):
    """Whether a rank, or the one process, has a file of the folder open or mapped: so MPI has started on all of them."""
    for pid in launch.rank_pids(process).values() or [process.pid]:
        try:
            if any(os.readlink(entry).startswith(str(folder)) for entry in Path(f"/proc/{pid}/fd").iterdir()):
                return True
            if str(folder) in Path(f"/proc/{pid}/maps").read_text():
                return True
        except OSError:
            continue
    return False


def start_loading(case):
    """A run that reads ratings for some seconds."""
    data = case.folder / "data"
    subprocess.run([places.program(), "synth", "--users", "60000", "--movies", "20000", "--ratings", "6000000", "--out", data],
                   check=True, capture_output=True, env=launch.environment())
    process = case.start([*SHORT, "--data", data])
    limit = time.monotonic() + 30
    while not reads(process, data) and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.01)
    return process


def loading(case):
    """A run that is told to end while it reads ratings."""
    process = start_loading(case)
    process.send_signal(signal.SIGINT)
    return process


def told_alone(role):
    """One rank is told to end while it reads ratings or waits for another, which is stopped."""
    def run(case):
        process = start_loading(case)
        pids = launch.rank_pids(process)
        os.kill(pids[2], signal.SIGSTOP)
        os.kill(pids[RANKS[role]], signal.SIGUSR2)
        return process
    return run


def stopped_early(case):
    """A rank that is stopped before MPI has started."""
    limits = '[ "$OMPI_COMM_WORLD_RANK" != 2 ] || kill -STOP $$'
    return case.start([*SHORT, "--load-timeout", 4], limits)


# cause: (how, launchers it applies to, exit codes by launcher)
ALL = ("alone", "mpirun", "launch.sh")
JOBS = ("mpirun", "launch.sh")
CAUSES = {
    "none": (lambda case: case.start(SHORT), ALL, {"*": 0}),
    "SIGINT": (signalled(signal.SIGINT), ALL, {"*": 75, "mpirun": 1}),
    "SIGTERM": (signalled(signal.SIGTERM), ALL, {"*": 75, "mpirun": (1, 143)}),
    "SIGUSR2": (signalled(signal.SIGUSR2), ("alone", "mpirun"), {"*": 75}),
    "SIGTERM to a worker's rank": (signalled(signal.SIGTERM, "worker"), JOBS, {"mpirun": 75, "launch.sh": 4}),
    "SIGKILL to the coordinator's rank": (signalled(signal.SIGKILL, "coordinator"), JOBS, {"mpirun": 137, "launch.sh": 4}),
    "SIGKILL to a worker's rank": (signalled(signal.SIGKILL, "worker"), JOBS, {"mpirun": 137, "launch.sh": 4}),
    "SIGSEGV of a server's rank": (signalled(signal.SIGSEGV, "server"), JOBS, {"mpirun": 139, "launch.sh": 4}),
    "a worker's rank is stopped": (signalled(signal.SIGSTOP, "worker"), JOBS, {"*": 4}),
    "a rank is stopped in MPI_Init": (stopped_early, JOBS, {"*": 4}),
    "SIGINT while loading": (loading, ALL, {"*": 75, "mpirun": 1}),
    "SIGUSR2 to the coordinator's rank while loading": (told_alone("coordinator"), JOBS, {"*": 75}),
    "SIGUSR2 to a worker's rank while loading": (told_alone("worker"), JOBS, {"*": 75}),
    "/dev/full as standard output": (unwritable, ("alone",), {"*": 6}),
    "closed standard streams": (limited("exec <&- >&- 2>&-"), ALL, {"*": 6}),
    "a full disk": (full_disk, ALL, {"*": 6}),
    "ulimit -f 4": (limited("ulimit -f 4"), ALL, {"*": 6}),
    "ulimit -n 24": (limited("ulimit -n 24"), JOBS, {"*": 2}),
    "ulimit -v 24000": (limited("ulimit -v 24000"), ("alone",), {"*": 71}),
}
SHORT_LIST = {"SIGTERM": ("launch.sh", "mpi"), "SIGKILL to a worker's rank": ("launch.sh", "tcp"),
              "SIGTERM to a worker's rank": ("mpirun", "tcp"),
              "SIGUSR2 to the coordinator's rank while loading": ("mpirun", "mpi"),
              "SIGUSR2 to a worker's rank while loading": ("launch.sh", "tcp"), "closed standard streams": ("launch.sh", "tcp"),
              "/dev/full as standard output": ("alone", None),
              "ulimit -f 4": ("alone", None), "ulimit -n 24": ("mpirun", "tcp"), "a rank is stopped in MPI_Init": ("launch.sh", "mpi")}


def job_folders():
    return {path.name for path in Path("/dev/shm").glob("collab-ps.*")}


def last_line(run):
    lines = [line for line in run.stderr.splitlines() + (run.stdout or "").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("collab-ps: error: ")]
    text = (errors or lines or [""])[-1].removeprefix("collab-ps: ")
    text = re.sub(r"'/[^']*/", "'…/", re.sub(r"^(time|\[).*", r"\1 …", text))
    return re.sub(r"(step|for|needs) [\d.]+", r"\1 N", text).replace("|", "/")


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def try_end(cause, launcher, transport):
    """(exit code, last line, state and exit code in run.json, what is left behind)."""
    with tempfile.TemporaryDirectory() as name:
        case = Case(Path(name), launcher, transport)
        before = job_folders()
        process = CAUSES[cause][0](case)
        pids = launch.descendants(process.pid)
        run = launch.finish(process, SECONDS)
        time.sleep(1.5)
        record = refusal.state_of(case.out)
        left = ["ranks"] * any(is_alive(pid) for pid in pids)
        left += [re.sub(r"\d+\.tmp", "N.tmp", name) for name in refusal.half_written(case.out)]
        left += ["shared memory"] * bool(job_folders() - before) if launcher == "launch.sh" else []
        subprocess.run(["umount", case.folder / "disk"], capture_output=True, check=False)
        state = f"{record['state'].split(':')[0]}, {record['exit_code']}" if record else "none"
        for pid in pids:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
    return run, last_line(run), state, ", ".join(left) or "nothing"


def judge(check, cause, launcher, transport, found):
    run, line, state, left = found
    wanted = CAUSES[cause][2].get(launcher, CAUSES[cause][2].get("*"))
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    name = f"{cause}, {launcher}{f' over {transport}' if transport else ''}"
    good = run.code in wanted or -run.code in [code - 128 for code in wanted if code > 128]
    check.that(good, f"{name}: exit code", f"{run.code} '{line}'")
    if launcher != "mpirun":
        agrees = state in ("none", f"{state.split(',')[0]}, {run.code}")
        check.that(agrees, f"{name}: run.json agrees", f"{state}, exit code {run.code}")
        check.equal(f"{name}: left behind", left, "nothing")


def main():
    names = [name for name in sys.argv[1:] if name != "--table"]
    table = "--table" in sys.argv
    check = Verdict("fault/ends")
    if table:
        print("| cause | launcher | transport | exit code | last line | run.json | left behind |\n|---|---|---|---|---|---|---|")
    for cause, (_, launchers, _) in CAUSES.items():
        if names and cause not in names:
            continue
        shapes = [shape for shape in SHAPES if shape[0] in launchers] if table else [SHORT_LIST[cause]] if cause in SHORT_LIST else []
        for launcher, transport in shapes:
            found = try_end(cause, launcher, transport)
            if table:
                run, line, state, left = found
                print(f"| {cause} | {launcher} | {transport or 'memory'} | {run.code} | {line} | {state} | {left} |", flush=True)
            else:
                judge(check, cause, launcher, transport, found)
    if not table:
        check.finish()


main()
