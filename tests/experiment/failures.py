"""Errors of a run, its folder or the disk: what an experiment reports, what it leaves untouched, and how it ends.

    failures.py [NAME ...]
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
from refusal import DATA, DIVERGED, OK, STORAGE, USAGE, errors_of  # noqa: E402
from workbench import CELLS, LONG, check_parts, labels, trained, wait_until  # noqa: E402


def diverging(check, bench):
    """A cell that cannot be trained is reported, also by the exit code; the others are trained."""
    text = CELLS.replace("{ wd = 0.2 }", '{ wd = 0, lr-max = 1e5, optimizer = "sgd", model = "dot", y-range = "none" }')
    bench.write("a.toml", text)
    run = bench.run("a.toml", "--out", "a", "--fail-if", "valid_loss > 0")
    check.equal("a diverging cell: exit code", run.code, DIVERGED)
    check.that(re.search(r"two, seed 1: failed with exit code 5: training diverged at step \d+", run.stderr),
               "a diverging cell: the run is named with its reason", errors_of(run)[0])
    check.that("2 of 6 runs failed: 'two, seed 1' with exit code 5; 'two, seed 2'" in run.stderr, "and both at the end")
    check.equal("the rest is trained", len(bench.runs("a")), 4)
    check.equal("and compared", labels(bench, "a"), ["one", "three"])
    check.equal("logs of the failed are kept", sorted(path.name for path in bench.folder.glob("a/*.log")),
                ["two-seed-1.log", "two-seed-2.log"])
    again = bench.run("a.toml", "--out", "a")
    check.equal("started again, it tries them alone", (again.code, sorted(trained(again))),
                (DIVERGED, ["two, seed 1", "two, seed 2"]))
    bench.write("a.toml", CELLS)
    mended = bench.run("a.toml", "--out", "a")
    check.equal("mended, they are done", (mended.code, sorted(trained(mended))), (OK, ["two, seed 1", "two, seed 2"]))
    check.equal("and no log is left", list(bench.folder.glob("a/*.log")), [])


def broken_baseline(check, bench):
    bench.write("a.toml", CELLS.replace("{ wd = 0.1 }", '{ data = "bad.csv" }'))
    bench.write("bad.csv", "user,movie,rating\n1,2,many\n")
    run = bench.run("a.toml", "--out", "a")
    check.equal("a baseline on broken ratings: exit code", run.code, DATA)
    check.that("one, seed 1: failed with exit code 3" in run.stderr and "bad.csv" in run.stderr, "its run is named")
    check.that("one, seed 2: not trained, for the same reason" in run.stderr or len(trained(run)) == 6,
               "its other seed is not tried for nothing, if it has not begun")
    check.that("no run of the baseline 'one' is done" in run.stderr, "the rest is compared without it")
    check.equal("as far as it goes", labels(bench, "a"), ["two", "three"])


def no_place(check, bench):
    bench.write("a.toml", CELLS)
    bench.write("file", "mine\n")
    for out in ("file", "file/below", "/proc/experiment"):
        run = bench.run("a.toml", "--out", out)
        check.that(run.code == STORAGE and len(errors_of(run)) == 1 and f"'{out}'" in errors_of(run)[0],
                   f"no folder can be at '{out}'", f"{run.code}: {run.stderr[-300:]}")
    if os.geteuid() == 0:
        (bench.folder / "locked").mkdir(mode=0o555)
        bench.folder.chmod(0o755)
        run = bench.run("a.toml", "--out", "locked", user=65534)
    else:
        (bench.folder / "locked").mkdir(mode=0o555)
        run = bench.run("a.toml", "--out", "locked")
    check.that(run.code == STORAGE and errors_of(run) == ["cannot write 'locked/.lock': Permission denied"],
               "a folder without leave to write", f"{run.code}: {run.stderr[-300:]}")


def full_disk(check, bench):
    """The first run that finds the disk full ends the experiment; with more space it continues."""
    disk = bench.folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "none", disk]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        check.skip("a full disk", "no leave to mount a tmpfs")
        return
    try:
        bench.write("a.toml", CELLS.replace("seeds = 2", "seeds = 4"))
        run = bench.run("a.toml", "--out", "disk/a")
        check.that(run.code == STORAGE and len(errors_of(run)) == 1 and "No space left" in errors_of(run)[0],
                   "a full disk",
                   f"{run.code}: {run.stderr[-300:]}")
        before = bench.runs("disk/a")
        check.that(0 < len(before) < 12, "a full disk: some were done", str(len(before)))
        subprocess.run(["mount", "-o", "remount,size=32m", disk], check=True)
        run = bench.run("a.toml", "--out", "disk/a")
        after = bench.runs("disk/a")
        check.equal("more room: the rest is done", (run.code, len(after)), (OK, 12))
        check.that(all(after[name] == value for name, value in before.items()), "more room: none is trained again")
    finally:
        subprocess.run(["umount", disk], check=True)


def two_at_once(check, bench):
    """A second start waits for the first, and then gives up with a clear error."""
    bench.write("long.toml", LONG)
    bench.write("a.toml", CELLS)
    first = bench.start("long.toml", "--out", "a")
    wait_until(lambda: bench.trainers("a"), 20)
    second = bench.run("a.toml", "--out", "a")
    check.that(second.code == STORAGE and errors_of(second) == ["another experiment is running in 'a'"], "it gives up",
               f"{second.code}: {second.stderr[-300:]}")
    check.that("waiting up to 10 s" in second.stderr, "after it waited")
    check.that(len(bench.trainers("a")) == 2 and first.poll() is None, "the first goes on")
    third = bench.start("a.toml", "--out", "a")
    time.sleep(1)
    first.terminate()
    check.equal("the first is stopped", launch.finish(first, 20).code, 125)
    third = launch.finish(third, 60)
    check.equal("one that waits goes on then", (third.code, len(bench.runs("a"))), (OK, 6))


def without_launcher(check, bench):
    bench.write("ranks.toml", "[axes]\nranks = [2]\n")
    run = bench.run("ranks.toml", "--out", "a", variables={"PATH": "/nowhere"})
    check.that(run.code == USAGE and errors_of(run) == ["no 'mpirun' to start ranks with"], "without mpirun",
               f"{run.code}: {run.stderr[-300:]}")


def rules(check, bench):
    bench.write("a.toml", CELLS)
    for rule, code in (("valid_loss > baseline - 1", 1), ("valid_loss > baseline + 1", OK), ("loss > 1", USAGE)):
        check.equal(f"--fail-if '{rule}'", bench.run("a.toml", "--out", "a", "--fail-if", rule).code, code)


check_parts("experiment/failures",
            (diverging, broken_baseline, no_place, full_disk, two_at_once, without_launcher, rules))
