"""Starts the program, alone or under mpirun, always with a time limit.

    run = launch(["--epochs", "1", "--out", folder], ranks=4, seconds=60)
    run.code, run.stdout, run.stderr

A run that exceeds its limit is killed with all its ranks, and its code is TIMED_OUT.
"""

import os
import signal
import subprocess
import time

import places

TIMED_OUT = -1000
OURS = str(places.SOURCE / "deploy" / "launch.sh")  # mpirun with a distinct exit code for each cause
MPI_ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "ASAN_OPTIONS": "detect_leaks=0",  # MPI does not free everything at its end
}


class Finished:
    """The result of a run."""

    def __init__(self, code, stdout, stderr, seconds):
        self.code = code
        self.stdout = stdout
        self.stderr = stderr
        self.seconds = seconds

    def errors(self):
        """The error lines of the program on standard error."""
        return [line for line in self.stderr.splitlines() if line.startswith("collab-ps: error:")]

    def hints(self):
        return [line for line in self.stderr.splitlines() if line.lstrip().startswith("hint:")]


def command_line(arguments, ranks=None, launcher="mpirun", user=None):
    """The program alone (ranks=None) or under mpirun -n ranks; OURS is a launcher as well."""
    program = places.program() if user is None else places.for_everybody(places.program())
    own = [str(program), *map(str, arguments)]
    return own if ranks is None else [launcher, "-n", str(ranks), *own]


def environment(ranks=None):
    """The environment without the options of the user who runs the checks."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COLLAB_PS_")}
    return kept if ranks is None else {**kept, **MPI_ENVIRONMENT}


def start(arguments, ranks=None, cwd=None, user=None, launcher="mpirun"):
    """Starts the process with its output in pipes; user: the id of a user to run it as."""
    return subprocess.Popen(command_line(arguments, ranks, launcher, user), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            stdin=subprocess.DEVNULL, text=True, errors="replace", env=environment(ranks),
                            cwd=cwd, user=user, start_new_session=True)


def launch(arguments, ranks=None, seconds=60, cwd=None, user=None):
    """Runs the program to its end."""
    return finish(start(arguments, ranks, cwd, user), seconds)


def finish(process, seconds):
    """Waits at most this long for the end of process, and collects its output."""
    began = time.monotonic()
    try:
        stdout, stderr = process.communicate(timeout=seconds)
        code = process.returncode
    except subprocess.TimeoutExpired:
        stdout, stderr = end(process)
        code = TIMED_OUT
    return Finished(code, stdout, stderr, time.monotonic() - began)


def end(process):
    """Kills process and all its descendants."""
    below = descendants(process.pid)
    process.kill()
    for pid in below:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return process.communicate()


def descendants(pid):
    """Process ids of the children of pid, of theirs, and so on."""
    children = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(entry))
    found, unseen = [], [pid]
    while unseen:
        below = children.get(unseen.pop(), [])
        found += below
        unseen += below
    return found


def rank_pids(process):
    """{rank: process id} of the ranks under mpirun."""
    ranks = {}
    for pid in descendants(process.pid):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                variables = dict(item.split(b"=", 1) for item in file.read().split(b"\0") if b"=" in item)
        except OSError:
            continue
        if b"OMPI_COMM_WORLD_RANK" in variables:
            ranks[int(variables[b"OMPI_COMM_WORLD_RANK"])] = pid
    return ranks
