"""A supervised run reaches its end whatever is killed meanwhile, with the run's own exit code.

    supervised.py [KILLS [SEED]]

Random ranks, or mpirun, are killed repeatedly; the launcher is stopped once the run has ended; a user's signal, and the
deadline, save and end the run; a run that makes no progress is restarted; errors that a restart would not cure are not
retried.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import runs

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import places  # noqa: E402
from verdict import Verdict  # noqa: E402

SCRIPT = places.SOURCE / "deploy/supervise.sh"
EPOCHS = 40 if len(sys.argv) < 2 else 300
SMALL = ["--factors", 8, "--log-steps", "--progress", "none", "--epochs", EPOCHS, "--batch-size", 1000]
ENDLESS = ["--factors", 6, "--progress", "none", "--epochs", 100000, "--batch-size", 4000, "--save-every", 1]
SAVING = ["--save-every", "40steps", "--peer-timeout", 5]
LIMIT = 300
KILLS = int(sys.argv[1]) if sys.argv[1:] else 2


def supervise(folder, name, arguments, ranks, options=()):
    command = [str(SCRIPT), "--pause", "0", *map(str, options), *launch.command_line(arguments, ranks),
               "--out", str(folder / name)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                            env={**launch.environment(4), "CPS_LAST_WORDS_S": "1"}, cwd=folder, start_new_session=True)


def await_epoch(process, out):
    while not (out / "history.csv").exists() and process.poll() is None:
        time.sleep(0.01)


def epochs_recorded(out):
    try:
        return len((out / "history.csv").read_text().splitlines()) - 1
    except OSError:
        return 0


def kill_along_the_way(process, out, numbers, kills):
    """Kills a rank or mpirun each time the run has recorded the next of `kills` random epochs. Returns the number of kills.

    Epochs are used instead of seconds, since a fast machine could finish before the first kill; none of the last epochs
    is chosen.
    """
    marks = sorted(numbers.sample(range(2, EPOCHS - 20), kills))
    killed = 0
    limit = time.monotonic() + LIMIT
    while process.poll() is None and killed < kills and time.monotonic() < limit:
        time.sleep(0.005)
        if epochs_recorded(out) < marks[killed]:
            continue
        below = launch.descendants(process.pid)
        ranks = list(launch.rank_pids(process).values())
        mpirun = [pid for pid in below if launch_name(pid) == "mpirun"]
        if ranks:
            runs.CutRun.signal(numbers.choice(ranks + mpirun), signal.SIGKILL)
            killed += 1
    return killed


def launch_name(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def killed_often(check, folder, uncut, seed):
    process = supervise(folder, "killed", [*SMALL, *SAVING], 4)
    killed = kill_along_the_way(process, folder / "killed", random.Random(seed), KILLS)
    stdout, stderr = process.communicate(timeout=LIMIT)
    said = [line for line in stderr.splitlines() if line.startswith("supervise:")]
    check.equal(f"killed {killed} times: exit code", process.returncode, 0)
    if process.returncode == 0:
        check.equal("killed often: differences", uncut.differences(folder / "killed"), [])
        starts = runs.record(folder / "killed")["starts"]
        check.that(len(starts) >= 2, "its starts", "; ".join(start["state"] for start in starts))
    else:
        print(stdout[-500:], "\n".join(said))


def told_to_end(check, folder, uncut):
    out = folder / "told"
    process = supervise(folder, "told", [*SMALL, *SAVING], 3)
    await_epoch(process, out)
    process.terminate()
    process.communicate(timeout=LIMIT)
    check.equal("told to end: exit code", process.returncode, 75)
    process = supervise(folder, "told", [*SMALL, *SAVING], None)
    process.communicate(timeout=LIMIT)
    check.equal("started again: exit code", process.returncode, 0)
    check.equal("started again: differences", uncut.differences(out), [])


def hanging_launcher(check, folder, uncut):
    out = folder / "hangs"
    process = supervise(folder, "hangs", [*SMALL, *SAVING], 3, ["--grace", 1])
    await_epoch(process, out)
    for pid in launch.descendants(process.pid):
        if launch_name(pid) == "mpirun":
            os.kill(pid, signal.SIGSTOP)
    process.communicate(timeout=LIMIT)
    check.equal("launcher that hangs: exit code", process.returncode, 0)
    check.equal("launcher that hangs: differences", uncut.differences(out), [])


def overdue(check, folder, uncut):
    process = supervise(folder, "endless", ENDLESS, None, ["--deadline", 1])
    stderr = process.communicate(timeout=LIMIT)[1]
    check.that(process.returncode == 75 and "the deadline of 1 s has come" in stderr, "a deadline: exit code, and why",
               f"{process.returncode}: {stderr[-300:]}")
    out = folder / "silent"
    process = supervise(folder, "silent", [*SMALL, *SAVING], None, ["--silence", 2])
    await_epoch(process, out)
    for pid in launch.descendants(process.pid):
        if launch_name(pid) == places.program().name:
            os.kill(pid, signal.SIGSTOP)
    stderr = process.communicate(timeout=LIMIT)[1]
    check.that(process.returncode == 0 and "has written nothing for 2 s" in stderr, "a run that falls silent is killed",
               f"{process.returncode}: {stderr[-300:]}")
    check.equal("silent: differences", uncut.differences(out), [])


def hopeless(check, folder):
    process = supervise(folder, "hopeless", ["--data", folder / "nowhere.csv"], None)
    process.communicate(timeout=LIMIT)
    check.equal("data that is not there: exit code, at once", process.returncode, 3)


def main():
    seed = int(sys.argv[2]) if sys.argv[2:] else 1
    check = Verdict("resume/supervised")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uncut = runs.Uncut(folder, SMALL)
        killed_often(check, folder, uncut, seed)
        told_to_end(check, folder, uncut)
        hanging_launcher(check, folder, uncut)
        overdue(check, folder, uncut)
        hopeless(check, folder)
    check.finish()


main()
