"""Which changes cause a run to be trained again: its options, ranks and ratings; and which do not.

    changes.py [NAME ...]
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from refusal import INTERNAL, OK, STORAGE, errors_of  # noqa: E402
from workbench import CELLS, check_parts, labels, trained  # noqa: E402

BROKEN = "import shlex\nshlex.join = lambda words: {}['words']\n"


def changed_options(check, bench):
    """A run is done only for its own options; runs that are no longer in the file are left alone."""
    bench.write("a.toml", CELLS)
    check.equal("an experiment", bench.run("a.toml", "--out", "a").code, OK)
    before = bench.runs("a")
    bench.write("a.toml", CELLS.replace("wd = 0.2", "wd = 0.25").replace("three = { wd = 0.3 }", "four = { wd = 0.4 }"))
    listed = bench.run("a.toml", "--out", "a", "--list").stdout
    check.equal("--list tells changed from missing", [line.split()[0] for line in listed.splitlines()],
                ["done"] * 2 + ["changed"] * 2 + ["missing"] * 2)
    run = bench.run("a.toml", "--out", "a")
    after = bench.runs("a")
    check.equal("changed and new runs are trained", sorted(trained(run)),
                ["four, seed 1", "four, seed 2", "two, seed 1", "two, seed 2"])
    same = sorted(name for name in before if before[name] == after.get(name))
    check.equal("what is as it was is left alone, in the file or not", same,
                ["one-seed-1", "one-seed-2", "three-seed-1", "three-seed-2"])
    check.equal("what is not in the file is not compared", labels(bench, "a"), ["one", "two", "four"])
    for what, arguments in (("an option more", ["--set", "epochs=2"]), ("steps", ["--set", "log-steps=true"])):
        check.equal(f"{what}: all anew", len(trained(bench.run("a.toml", "--out", "a", *arguments))), 6)
    check.equal("steps that were logged unasked will do", trained(bench.run("a.toml", "--out", "a")), [])
    check.equal("other ways to write the same: none",
                trained(bench.run("a.toml", "--out", "a", "--set", "factors=2")), [])


def changed_recipe(check, bench):
    """A recipe that has changed since a run; the record is edited to simulate this."""
    bench.write("a.toml", '[options]\nepochs = 1\nrecipe = "best"\n[axes.a]\na = { }\nb = { factors = 3 }\n')
    bench.run("a.toml", "--out", "a")
    check.equal("the same recipe: none", trained(bench.run("a.toml", "--out", "a")), [])
    for folder in ("a-seed-1", "b-seed-1"):
        path = bench.folder / "a" / folder / "run.json"
        record = json.loads(path.read_text())
        record["options"]["factors"]["value"] = {"a-seed-1": "64", "b-seed-1": "3"}[folder]
        path.write_text(json.dumps(record))
    check.equal("another recipe: what it set is trained anew", trained(bench.run("a.toml", "--out", "a")), ["a, seed 1"])


def changed_ranks(check, bench):
    bench.write("a.toml", "[options]\nepochs = 1\n[axes.a]\na = { ranks = 2 }\n")
    bench.run("a.toml", "--out", "a")
    bench.write("a.toml", "[options]\nepochs = 1\n[axes.a]\na = { ranks = 3 }\n")
    check.equal("other ranks: anew", trained(bench.run("a.toml", "--out", "a")), ["a, seed 1"])


def changed_after_failure(check, bench):
    """A run with former options is not shown under the label of one that failed later."""
    bench.write("a.toml", CELLS)
    bench.run("a.toml", "--out", "a")
    os.rename(bench.folder / "a" / "two-seed-1", bench.folder / "kept")
    (bench.folder / "a" / "two-seed-1").mkdir()
    (bench.folder / "a" / "two-seed-1" / "mine.txt").write_text("mine\n")
    bench.write("a.toml", CELLS.replace("wd = 0.2", "wd = 0.25"))
    run = bench.run("a.toml", "--out", "a")
    check.that(run.code == STORAGE and len(errors_of(run)) == 1 and "'mine.txt'" in errors_of(run)[0],
               "a folder of other files: exit code 6, and named", f"{run.code}: {errors_of(run)[:1]}")
    check.equal("a folder of other files: as it was", os.listdir(bench.folder / "a" / "two-seed-1"), ["mine.txt"])


def changed_ratings(check, bench):
    """Other ratings under the same name require training; the same ratings with a new time of modification do not."""
    bench.write("a.toml", CELLS)
    bench.run("a.toml", "--out", "a")
    ratings = bench.folder / "data" / "ratings.csv"
    os.utime(ratings)
    check.equal("ratings touched: none anew", trained(bench.run("a.toml", "--out", "a")), [])
    lines = ratings.read_text().splitlines(True)
    ratings.write_text("".join(lines[:1] + lines[2:] + lines[1:2]))
    check.equal("ratings changed: all anew", len(trained(bench.run("a.toml", "--out", "a"))), 6)
    ratings.write_text("".join(lines[:-1]))
    os.utime(ratings, (1e9, 1e9))
    check.equal("ratings cut, with an old date: all anew", len(trained(bench.run("a.toml", "--out", "a"))), 6)


def record_without_sizes(check, bench):
    """Early records lack the sizes of inputs; their hashes suffice."""
    bench.write("a.toml", CELLS)
    bench.run("a.toml", "--out", "a")
    for path in bench.folder.glob("a/*/run.json"):
        record = json.loads(path.read_text())
        for entry in record["inputs"]:
            del entry["bytes"]
        path.write_text(json.dumps(record))
    run = bench.run("a.toml", "--out", "a")
    check.equal("records without sizes: done all the same", (run.code, trained(run)), (OK, []))
    ratings = bench.folder / "data" / "ratings.csv"
    ratings.write_text("".join(ratings.read_text().splitlines(True)[:-1]))
    check.equal("and the hash tells other ratings", len(trained(bench.run("a.toml", "--out", "a"))), 6)


def recipes(check, bench):
    """Values set by a recipe are accepted if the file names the recipe, and refused if it does not."""
    bench.write("a.toml", '[options]\nepochs = 1\nrecipe = "best"\n[axes.a]\na = { factors = 2 }\n')
    check.equal("a recipe: trained", trained(bench.run("a.toml", "--out", "a")), ["a, seed 1"])
    check.equal("a recipe: once", trained(bench.run("a.toml", "--out", "a")), [])
    bench.write("a.toml", '[options]\nepochs = 1\n[axes.a]\na = { factors = 2 }\n')
    check.equal("no recipe: anew", trained(bench.run("a.toml", "--out", "a")), ["a, seed 1"])


def folds(check, bench):
    """Each rating is validated once over the folds of a seed; another number of folds means other runs."""
    bench.write("a.toml", CELLS.replace("seeds = 2", "folds = 3"))
    run = bench.run("a.toml", "--out", "a")
    check.equal("three folds of three cells", (run.code, len(trained(run))), (OK, 9))
    records = [json.loads(path.read_text()) for path in bench.folder.glob("a/one-fold-*/run.json")]
    check.equal("the folds hold out all ratings", sum(record["data"]["valid"] for record in records), 3000)
    groups = json.loads((bench.folder / "a" / "compare.json").read_text())["groups"]
    check.equal("compare takes them for folds", [(group["seeds"], group["folds"]["count"], len(group["folds"]["rmse"]["each"]))
                                                 for group in groups], [(1, 3, 3)] * 3)
    check.equal("started again: nothing to do", trained(bench.run("a.toml", "--out", "a")), [])
    check.equal("two folds in their place", len(trained(bench.run("a.toml", "--out", "a", "--folds", 2))), 6)


def defect(check, bench):
    """An internal error of the experiment is not mistaken for a rule that is true."""
    bench.write("a.toml", CELLS)
    bench.write("sitecustomize.py", BROKEN)
    run = bench.run("a.toml", "--list", variables={"PYTHONPATH": str(bench.folder)}, python=())
    check.that(run.code == INTERNAL and "'experiment' failed because of an internal error" in errors_of(run)[0],
               "a defect: exit code 70, and said", f"{run.code}: {errors_of(run)[:1]}")


check_parts("experiment/changes", (changed_options, changed_recipe, changed_ranks, changed_after_failure,
                                   changed_ratings,
                                   record_without_sizes, recipes, folds, defect))
