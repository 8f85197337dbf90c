"""Trains the runs of an experiment that are not done, several at once.

    runs (planned.py) -> a trainer each, mpirun before it where it has ranks -> their folders
                              -> what became of each (progress.py)

Trainers end with the experiment, however it ends: those that it stops itself get SIGTERM, and the kernel
sends one when the experiment was killed. They hold its lock with it, so that a lock that is free means
that nothing of a former start still runs.
"""

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import time

from collab_ps import files
from collab_ps.experiment.planned import DONE
from collab_ps.files import DATA, INTERRUPTED, STORAGE, USAGE, Failure, say

OK = 0
LOCK_S = 10  # for the trainers of a former start to end
STOP_S = 10  # for a trainer to end once it is told to
POLL_S = 0.01
PR_SET_PDEATHSIG = 1  # linux/prctl.h
LIBC = ctypes.CDLL(None)


def environment():
    """Without options of whoever starts the experiment: the file alone says what is trained. mpirun refuses
    root unless told twice, and more ranks than cores unless told."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COLLAB_PS_")}
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"} if os.geteuid() == 0 else {}
    return {**kept, "OMPI_MCA_rmaps_base_oversubscribe": "1", **root}


def die_with(parent):
    """Between fork and exec: asks the kernel to end this process when parent ends, which it may just have."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(INTERRUPTED)


def lock(folder, found):
    """Holds the experiment for this process and its trainers, which inherit the file: its descriptor."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    until = None
    while not (try_lock(descriptor) and not any(is_busy(run.folder) for run in found)):
        if until is None:
            say("note", f"'{folder}' is in use: waiting up to {LOCK_S} s for the other to end")
            until = time.monotonic() + LOCK_S
        if time.monotonic() > until:
            raise Failure(STORAGE, f"another experiment is running in '{folder}'",
                          "wait for its end, or choose another --out")
        time.sleep(0.1)
    return descriptor


def try_lock(descriptor):
    """Whether it is held now. On a file system without locks it is: each trainer still guards its own folder."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def is_busy(folder):
    """Does a trainer hold this folder? Ranks do not inherit the experiment's lock from mpirun, and outlive one
    that was killed for a second."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)


def clean(folder, found):
    """Removes what a killed start left beside folders: the logs of runs that are done, halves of compare's files."""
    for run in found:
        if run.is_done():
            files.remove(run.log)
    for half in folder.glob("compare.*.tmp"):
        files.remove(half)


def words_of(text):
    """(cause, hint) of what a trainer said last: its first error, or the end of it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [i for i, line in enumerate(lines) if "error: " in line]
    if not errors:
        return (lines[-1] if lines else "it said nothing"), ""
    hints = [line.removeprefix("hint: ") for line in lines[errors[0] + 1:] if line.startswith("hint: ")]
    return lines[errors[0]].partition("error: ")[2], hints[0] if hints else ""


def check_options(plan, runs, program):
    """Lets the trainer read the options of each cell before any is trained. It looks at them all, then finds
    that this run can have no folder: any end but a refusal of an option is well."""
    for run in {run.cell: run for run in runs}.values():
        asked = subprocess.run([program, *run.option_arguments(), "--out=/dev/null/run"], capture_output=True,
                               env=environment(), stdin=subprocess.DEVNULL, text=True, errors="replace", check=False)
        if asked.returncode == USAGE:
            cause, hint = words_of(asked.stderr)
            raise Failure(USAGE, f"'{plan.path}', '{run.cell.label}': {cause}", hint)


class Trainer:
    """A process that trains a run."""

    def __init__(self, run, program, lock_descriptor):
        command = [program, *run.arguments()]
        if run.cell.ranks > 1:
            command = ["mpirun", "-n", str(run.cell.ranks), "--bind-to", "none", *command]
        parent = os.getpid()
        self.run, self.began = run, time.monotonic()
        self.log = open(run.log, "w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        env=environment(), pass_fds=[lock_descriptor],
                                        preexec_fn=lambda: die_with(parent), start_new_session=True)

    def seconds(self):
        return time.monotonic() - self.began

    def finish(self):
        """Takes the end: sets the run's code, and returns what is to be said of it."""
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
        """Until it has ended, by force if it takes its time."""
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def explain(code, words, why):
    """(exit code, why) of a trainer's failure; mpirun adds 128 to the signal that ended a rank."""
    if code == OK:
        return DATA, f"it ended well, but its record is not that of a finished run: {why}"
    if 0 < code <= INTERRUPTED:
        return code, words_of(words)[0]
    return INTERRUPTED, f"killed by signal {-code if code < 0 else code - 128}"


def valid_loss(folder):
    with open(folder / "run.json", encoding="utf-8") as file:
        return json.load(file)["result"]["valid_loss"]


class Training:
    """Runs that wait, and trainers at work on as many cores as there are."""

    def __init__(self, runs, program, cores, lock_descriptor, progress):
        self.program, self.cores, self.lock_descriptor, self.progress = program, cores, lock_descriptor, progress
        self.waiting, self.trainers = list(runs), []

    def train(self):
        """To the end, or to a failure that the next run would share."""
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
        """Fills the cores; a run of more ranks than that trains alone."""
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
                raise Failure(STORAGE, f"'{run.label}': {run.failure}", "once that is mended, start again to go on")
            self.progress.ended(run, seconds, text)
            if run.code in (USAGE, DATA):
                self.give_up(run)

    def give_up(self, failed):
        """Other seeds of a cell fail as well where options or ratings are at fault."""
        for run in [run for run in self.waiting if run.cell is failed.cell]:
            self.waiting.remove(run)
            run.code, run.failure = failed.code, failed.failure
            self.progress.ended(run, 0.0, "not tried, for the same reason")

    def stop(self):
        """Ends trainers that still run, and waits for them."""
        for trainer in self.trainers:
            trainer.stop()
        for trainer in self.trainers:
            trainer.wait()
