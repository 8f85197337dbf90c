"""An interrupted experiment continues without losing a run or training a finished one again.

    continuation.py [SEED]      of the random moments; printed, so that a failure can be reproduced

It is killed many times in various ways, and started again each time. In the end all runs exist, with the hashes of an
undisturbed experiment, and nothing else is left: no log, no process, no half-written file.
"""

import fcntl
import os
import pty
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
from refusal import INTERRUPTED, OK, half_written  # noqa: E402
from verdict import Verdict  # noqa: E402
from workbench import LONG, SCRIPT, Workbench, read_terminal, wait_until  # noqa: E402

SEED = 20261124
# Runs of a few tenths of a second: long enough for most cuts to fall into training.
TEXT = """
seeds = 4
[options]
batch-size = 16
[[grid]]
options = { epochs = 40 }
axes.wd = [0.01, 0.1, 0.2]
[[grid]]
options = { epochs = 10, ranks = 3 }
axes.wd = [0.3]
"""
RUNS = 16
GONE_S = 30  # after a cut, until no trainer is left; mpirun gives its ranks time


def whole_session(_bench, process):
    """Signals its whole process group, like a terminal that is closed; trainers are not in it."""
    os.killpg(process.pid, signal.SIGKILL)


def cuts():
    """(name, function) in turn; SIGKILL, which cannot be handled, occurs more than once."""
    kill = ("SIGKILL", lambda _bench, process: process.kill())
    return [kill, ("SIGTERM", tell(signal.SIGTERM)), ("SIGKILL to mpirun", kill_launcher), kill,
            ("SIGINT", tell(signal.SIGINT)), ("SIGKILL to the group", whole_session), kill,
            ("SIGHUP", tell(signal.SIGHUP)), ("SIGKILL to one trainer", kill_trainer)]


def tell(number):
    """Sends a signal once the script handles signals: when it has a trainer, or is about to end."""
    def send(bench, process):
        wait_until(lambda: process.poll() is not None or bench.trainers("a"), 20)
        process.send_signal(number)
    return send


def kill_trainer(bench, process):
    """Kills one trainer; the experiment continues with the others."""
    kill_one(bench, process, lambda words: "mpirun" not in words[0])


def kill_launcher(bench, process):
    """Kills mpirun, so that its ranks are left behind."""
    kill_one(bench, process, lambda words: "mpirun" in words[0])
    process.kill()


def kill_one(bench, process, fits):
    wait_until(lambda: process.poll() is not None or any(map(fits, bench.trainers("a").values())), 20)
    for pid in [pid for pid, words in bench.trainers("a").items() if fits(words)][:1]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def cut(check, bench, number, name, how, delay):
    """Starts the experiment and interrupts it; runs that were finished before must be unchanged."""
    before = bench.runs("a")
    process = bench.start("a.toml", "--out", "a")
    time.sleep(delay)
    how(bench, process)
    run = launch.finish(process, 60)
    gone = wait_until(lambda: not bench.trainers("a"), GONE_S)
    after = bench.runs("a")
    again = [name for name in before if before[name] != after.get(name)]
    codes = (-signal.SIGKILL, INTERRUPTED, OK)
    problem = "" if gone else f"left behind: {bench.trainers('a')}"
    problem = problem or (f"trained again or lost: {again}" if again else "")
    problem = problem or ("" if run.code in codes else f"exit code {run.code}: {run.stderr[-300:]}")
    check.that(not problem, f"cut {number}, {name} after {delay:.2f} s",
               problem or f"exit code {run.code}, {len(after) - len(before)} more finished, {len(after)} in all")


def finish_and_compare(check, bench):
    before = bench.runs("a")
    run = bench.run("a.toml", "--out", "a")
    after = bench.runs("a")
    check.equal("started once more: exit code", run.code, OK)
    check.equal("all runs are there", len(after), RUNS)
    check.equal("none was trained again", [name for name in before if before[name] != after.get(name)], [])
    last = bench.run("a.toml", "--out", "a")
    check.that(bench.runs("a") == after and f"{RUNS} runs in 'a', {RUNS} of them done" in last.stderr,
               "and once more: nothing to do", last.stderr.strip())
    check.equal("the hashes of one that nothing disturbed", bench.hashes("a") == bench.hashes("whole"), True)
    left = sorted(path.name for path in (bench.folder / "a").iterdir() if not path.is_dir())
    check.equal("no log is left", [name for name in left if not name.startswith("compare.")], [".lock"])
    check.equal("no half file is left", half_written(bench.folder / "a"), [])
    check.equal("no trainer is left", bench.trainers("a"), {})


def undisturbed(check, bench):
    bench.write("a.toml", TEXT)
    check.equal("an experiment that nothing disturbs", bench.run("a.toml", "--out", "whole").code, OK)
    check.equal("its runs", len(bench.runs("whole")), RUNS)


def at_random(check, bench, seed):
    chance = random.Random(seed)
    for number, (name, how) in enumerate(cuts()):
        cut(check, bench, number, name, how, chance.uniform(0.1, 0.6))


def killed_outright(check, bench):
    """Trainers do not outlive an experiment that was killed."""
    bench.write("long.toml", "[options]\nepochs = 1000000\n[axes]\nranks = [1, 3]\n")
    for name, runs in (("one process", 1), ("three ranks", 4)):
        process = bench.start("long.toml", "--out", "a", "--jobs", 1)
        check.that(wait_until(lambda runs=runs: len(bench.trainers("a")) == runs, 20), f"{name} at work")
        process.kill()
        launch.finish(process, 20)
        check.that(wait_until(lambda: not bench.trainers("a"), GONE_S), f"{name}: gone", str(bench.trainers("a")))
        bench.write("long.toml", "[options]\nepochs = 1000000\n[axes]\nranks = [3]\n")


def ranks_left_behind(check, bench):
    """Ranks live on for a moment after mpirun was killed, and lock their run's folder: the next start waits."""
    bench.write("a.toml", "[options]\nepochs = 1000000\n[axes]\nranks = [3]\n")
    process, folder = bench.start("a.toml", "--out", "a"), bench.folder / "a" / "ranks-3-seed-1"
    wait_until((folder / "run.json").exists, 20)
    kill_launcher(bench, process)
    launch.finish(process, 20)
    bench.write("a.toml", "[options]\nepochs = 1\n[axes]\nranks = [3]\n")
    run = bench.run("a.toml", "--out", "a")
    check.that(run.code == OK and not bench.trainers("a"), "started at once after mpirun was killed", run.stderr[-300:])
    held = os.open(folder, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    process = bench.start("a.toml", "--out", "a")
    wait_until(lambda: is_held(bench.folder / "a" / ".lock"), 20)
    time.sleep(1)
    check.equal("a folder that a rank still holds: it waits", process.poll(), None)
    os.close(held)
    run = launch.finish(process, 60)
    check.that(run.code == OK and "'a' is in use" in run.stderr, "and goes on when it is free", run.stderr[-300:])


def is_held(path):
    """Whether a process has locked the file."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(handle)


def from_the_keyboard(check, bench):
    """Ctrl-C on a terminal: reported in a line, no trainer is left, and the time until the end is shown."""
    bench.write("long.toml", LONG)
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(bench.folder)
        os.execve(sys.executable, [sys.executable, *map(str, SCRIPT), "long.toml", "--out", "a"], bench.environment())
    check.that(wait_until(lambda: len(bench.trainers("a")) == 2, 20), "two trainers at work")
    time.sleep(0.5)
    began = time.monotonic()
    os.write(terminal, b"\x03")
    said = read_terminal(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    check.that(code == INTERRUPTED and not bench.trainers("a"), "Ctrl-C: all is ended",
               f"{code} after {time.monotonic() - began:.1f} s")
    check.that("interrupted; start it again" in said and "Traceback" not in said,
               "Ctrl-C: said in a line", said[-200:])


def main():
    check = Verdict("experiment/continuation")
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else SEED
    print(f"moments by seed {seed}", flush=True)
    with Workbench() as bench:
        undisturbed(check, bench)
        at_random(check, bench, seed)
        finish_and_compare(check, bench)
    for part in (killed_outright, ranks_left_behind, from_the_keyboard):
        with Workbench() as bench:
            part(check, bench)
    check.finish()


main()
