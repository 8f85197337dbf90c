"""Out of memory at any point: the run ends in time with exit code 71, or with 0 and intact files.

    no_memory.py FAULTS [--full]

Fails each allocation of a run, one per run, and all of them from some point on: in one process, and in one rank of four.
--full: every third allocation of the single process, and 50 points.
"""

import json
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import records  # noqa: E402
import refusal  # noqa: E402
from verdict import Verdict  # noqa: E402

SMALL = ["--factors", 4, "--epochs", 2, "--batch-size", 32, "--progress", "none", "--log-steps", "--peer-timeout", 4]
RATINGS = "user,item,rating\n" + "".join(f"{u},{i},{(u * 7 + i * 3) % 9 / 2 + 1:g}\n" for u in range(30) for i in range(20))
NO_MEMORY = 71
DEADLINE = 12


@contextmanager
def faults(library, **settings):
    """Sets the variables of faults.c for processes started within."""
    names = {"LD_PRELOAD": library, **{f"FAULT_{name}": str(value) for name, value in settings.items()}}
    os.environ.update(names)
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]


def problem_of(run, out, want):
    """What is wrong with a run that ran out of memory, or ''."""
    if run.code == launch.TIMED_OUT:
        return "hangs"
    if run.code == 0:
        return "" if records.model_hash(out) == want and is_done(out) else "exit code 0 and not a good run"
    if run.code != NO_MEMORY:
        return f"exit code {run.code}: {run.stderr[-300:]!r}"
    if not any("memory" in error for error in refusal.errors_of(run)):
        return f"does not say so: {run.stderr[-300:]!r}"
    if refusal.half_written(out):
        return f"left {refusal.half_written(out)}"
    record = out / "run.json"
    return "" if not record.exists() or is_whole(record) else "a broken run.json"


def is_whole(record):
    try:
        return bool(json.loads(record.read_text()))
    except ValueError:
        return False


def is_done(out):
    """Whether a run's folder is complete and intact."""
    names = ("run.json", "history.csv", "steps.csv", "metrics.jsonl", "users.tsv", "movies.tsv")
    return all((out / name).exists() for name in names) and json.loads((out / "run.json").read_text())["state"] == "done"


class Campaign:
    def __init__(self, check, library, folder):
        self.check, self.library, self.folder = check, library, folder
        (folder / "ratings.csv").write_text(RATINGS)
        plain = self.run(None, [])
        self.check.equal("a run with all the memory it wants", plain.code, 0)
        self.want = records.model_hash(folder / "out")

    def run(self, ranks, more):
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        return launch.launch([*SMALL, "--data", self.folder / "ratings.csv", "--out", out, *more], ranks, DEADLINE,
                             cwd=self.folder)

    def count(self, ranks, rank, more):
        """The number of allocations of a run, in one rank."""
        path = self.folder / "count"
        with faults(self.library, MALLOC_COUNT=path, RANK=rank):
            self.run(ranks, more)
        return int(path.read_text())

    def fail(self, name, kind, places, ranks=None, rank=0, more=()):
        """Fails at each of places, as a single claim."""
        problems, codes = [], {}
        for place in places:
            with faults(self.library, RANK=rank, **{f"MALLOC_{kind}": place}):
                run = self.run(ranks, more)
            problem = problem_of(run, self.folder / "out", self.want)
            if problem:
                problems.append(f"{place}: {problem}")
            codes[run.code] = codes.get(run.code, 0) + 1
        told = ", ".join(f"{count} x exit {code}" for code, count in sorted(codes.items()))
        self.check.that(not problems, name, f"{told}{'; ' if problems else ''}{'; '.join(problems[:8])}")


def spread(total, count):
    """`count` evenly spaced numbers of 1 .. total."""
    return sorted({1 + total * i // count for i in range(count)})


def main():
    full = "--full" in sys.argv
    check = Verdict("fault/no-memory")
    with tempfile.TemporaryDirectory() as name:
        campaign = Campaign(check, sys.argv[1], Path(name))
        total = campaign.count(None, 0, [])
        campaign.fail(f"one of {total} allocations", "ONCE", range(1, total + 1, 3) if full else spread(total, 50))
        campaign.fail("all from some point on", "FROM", spread(total, 50 if full else 14))
        for transport in ("mpi", "tcp") if full else ("tcp",):
            for role, rank in (("coordinator", 0), ("server", 1), ("worker", 3)):
                more = ["--transport", transport]
                total = campaign.count(4, rank, more)
                campaign.fail(f"{role}, {transport}: one of {total} allocations", "ONCE",
                              spread(total, 10) if full else [total // 2], 4, rank, more)
                campaign.fail(f"{role}, {transport}: all from some point on", "FROM",
                              spread(total, 50) if full else [total * 3 // 4], 4, rank, more)
    check.finish()


main()
