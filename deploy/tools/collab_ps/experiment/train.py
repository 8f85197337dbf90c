"""Trains the runs of an experiment that are not done, several at once.

    runs (planned.py) -> a trainer process each, under mpirun if it has several ranks -> their folders
                              -> results (progress.py)

Trainers never outlive the experiment: it sends them SIGTERM when it ends, and the kernel does if it is killed. They
inherit its lock, so that a free lock means that nothing of an earlier start is still running.
"""

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import time
from pathlib import Path

from collab_ps import files
from collab_ps.experiment.planned import DONE
from collab_ps.files import DATA, INTERRUPTED, STORAGE, USAGE, Failure, say

OK = 0
LOCK_S = 10  # to wait for the trainers of an earlier start to end
STOP_S = 10  # to wait for a trainer to end after SIGTERM
POLL_S = 0.01
PR_SET_PDEATHSIG = 1  # linux/prctl.h
LIBC = ctypes.CDLL(None)


def environment():
    """The environment of trainers: without the caller's COLLAB_PS_ options, since only the file decides what is trained,
    and with what mpirun needs to run as root and with more ranks than cores."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COLLAB_PS_")}
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"} if os.geteuid() == 0 else {}
    return {**kept, "OMPI_MCA_rmaps_base_oversubscribe": "1", **root}


def launcher_environment(program):
    """For mpirun as well: Open MPI listens on the loopback alone, as under launch.sh, unless the user's settings differ.
    The library is beside this package where that is installed, and beside the program where it was only built."""
    loopback = {f"OMPI_MCA_{name}_tcp_if_include": "lo" for name in ("btl", "oob")}
    library = "libcollab-ps-local.so"
    places = [Path(__file__).resolve().parents[2] / library, Path(program).resolve().parent / "deploy" / library]
    found = {"LD_PRELOAD": str(place) for place in places if place.exists()}
    return {**loopback, **found, **environment()}


def die_with(parent):
    """Runs between fork and exec: asks the kernel to terminate this process when parent ends; exits if it already has."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(INTERRUPTED)


def lock(folder, found):
    """Locks the experiment's folder for this process and its trainers, which inherit the descriptor returned. Waits up to
    LOCK_S seconds."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    until = None
    while not (try_lock(descriptor) and not any(is_busy(run.folder) for run in found)):
        if until is None:
            say("note", f"'{folder}' is in use: waiting up to {LOCK_S} s for the other experiment to end")
            until = time.monotonic() + LOCK_S
        if time.monotonic() > until:
            raise Failure(STORAGE, f"another experiment is running in '{folder}'",
                          "wait for its end, or choose another --out")
        time.sleep(0.1)
    return descriptor


def try_lock(descriptor):
    """Whether the lock is held now. True on a file system without locks, where each trainer still locks its own folder."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def is_busy(folder):
    """Whether a trainer holds the lock of its folder. Ranks do not inherit the experiment's lock from mpirun, and live for
    about a second after mpirun was killed."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)


def clean(folder, found):
    """Removes leftovers of a start that was killed: logs of runs that are done, and temporary files of compare."""
    for run in found:
        if run.is_done():
            files.remove(run.log)
    for half in folder.glob("compare.*.tmp"):
        files.remove(half)


def words_of(text):
    """(cause, hint) in the output of a trainer: its first error, or its last line if there is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [i for i, line in enumerate(lines) if "error: " in line]
    if not errors:
        return (lines[-1] if lines else "it printed nothing"), ""
    hints = [line.removeprefix("hint: ") for line in lines[errors[0] + 1:] if line.startswith("hint: ")]
    return lines[errors[0]].partition("error: ")[2], hints[0] if hints else ""


def check_options(plan, runs, program):
    """Lets the trainer check the options of each cell before any is trained. It is given a folder that cannot exist, so it
    fails after having checked the options: only an exit with USAGE means that it refused them."""
    for run in {run.cell: run for run in runs}.values():
        asked = subprocess.run([program, *run.option_arguments(), "--out=/dev/null/run"], capture_output=True,
                               env=environment(), stdin=subprocess.DEVNULL, text=True, errors="replace", check=False)
        if asked.returncode == USAGE:
            cause, hint = words_of(asked.stderr)
            raise Failure(USAGE, f"'{plan.path}', '{run.cell.label}': {cause}", hint)


class Trainer:
    """A process that trains a run."""

    def __init__(self, run, program, lock_descriptor):
        command, variables = [program, *run.arguments()], environment()
        if run.cell.ranks > 1:
            command = ["mpirun", "-n", str(run.cell.ranks), "--bind-to", "none", *command]
            variables = launcher_environment(program)
        parent = os.getpid()
        self.run, self.began = run, time.monotonic()
        self.log = open(run.log, "w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        env=variables, pass_fds=[lock_descriptor],
                                        preexec_fn=lambda: die_with(parent), start_new_session=True)

    def seconds(self):
        return time.monotonic() - self.began

    def finish(self):
        """Called when the process has ended: sets the exit code of the run, and returns the text to report."""
        code, run = self.process.returncode, self.run
        self.log.seek(0)
        words = self.log.read()
        self.log.close()
        state, why = run.state()
        if code == OK and state == DONE:
            run.code = OK
            files.remove(run.log)
            return f"valid_loss {valid_loss(run.folder)}, {self.seconds():.1f} s"
        run.code, run.failure = explain(code, words, why)
        return f"failed with exit code {run.code}: {run.failure}"

    def stop(self):
        self.process.terminate()

    def wait(self):
        """Waits until the process has ended; kills it after STOP_S seconds."""
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def explain(code, words, why):
    """(exit code, cause) of a failed trainer. If a signal ended a rank, mpirun returns 128 plus its number."""
    if code == OK:
        return DATA, f"exit code 0, but its record is not that of a finished run: {why}"
    if 0 < code <= INTERRUPTED:
        return code, words_of(words)[0]
    return INTERRUPTED, f"killed by signal {-code if code < 0 else code - 128}"


def valid_loss(folder):
    with open(folder / "run.json", encoding="utf-8") as file:
        return json.load(file)["result"]["valid_loss"]


class Training:
    """Runs that wait, and the trainers that run on the available cores."""

    def __init__(self, runs, program, cores, lock_descriptor, progress):
        self.program, self.cores, self.lock_descriptor, self.progress = program, cores, lock_descriptor, progress
        self.waiting, self.trainers = list(runs), []

    def train(self):
        """Trains all runs, or stops at an error that would also stop the next run."""
        try:
            while self.waiting or self.trainers:
                self.take_ended()
                self.start_some()
                self.progress.draw(self.waiting, [(trainer.run, trainer.seconds()) for trainer in self.trainers])
                time.sleep(POLL_S)
        finally:
            self.progress.clear()
            self.stop()

    def start_some(self):
        """Starts runs while there are free cores; a run with more ranks than cores is trained alone."""
        while self.waiting:
            busy = sum(trainer.run.cell.ranks for trainer in self.trainers)
            if busy and busy + self.waiting[0].cell.ranks > self.cores:
                return
            self.trainers.append(Trainer(self.waiting.pop(0), self.program, self.lock_descriptor))

    def take_ended(self):
        for trainer in [trainer for trainer in self.trainers if trainer.process.poll() is not None]:
            self.trainers.remove(trainer)
            run, seconds, text = trainer.run, trainer.seconds(), trainer.finish()
            if run.code == STORAGE:
                raise Failure(STORAGE, f"'{run.label}': {run.failure}", "fix this, then start the experiment again to continue")
            self.progress.ended(run, seconds, text)
            if run.code in (USAGE, DATA):
                self.give_up(run)

    def give_up(self, failed):
        """Drops the other runs of a cell whose options or ratings are at fault, since they would fail as well."""
        for run in [run for run in self.waiting if run.cell is failed.cell]:
            self.waiting.remove(run)
            run.code, run.failure = failed.code, failed.failure
            self.progress.ended(run, 0.0, "not trained, for the same reason")

    def stop(self):
        """Terminates the trainers that are still running, and waits for them."""
        for trainer in self.trainers:
            trainer.stop()
        for trainer in self.trainers:
            trainer.wait()
