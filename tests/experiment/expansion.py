"""From a file to runs: grids, axes, seeds, options from all sources, and a folder for each run."""

import json
import os
import re
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from refusal import OK  # noqa: E402
from verdict import Verdict  # noqa: E402
from workbench import TOOLS, Workbench  # noqa: E402

GRIDS = """
seeds = [3, 5]
[options]
epochs = 2
wd = 0.3
[[grid]]
axes.wd = [0, 0.1]
[[grid]]
options = { epochs = 1 }
axes.wd = [0.1, 1e-7]
[grid.axes.kind]
plain = { model = "dot", y-range = "none" }
rich = { log-steps = true, ranks = 2 }
[[grid]]
axes.wd = [0.1]
"""
EXPANDED = {  # folder: options
    "wd-0": "epochs=2 wd=0", "wd-0.1": "epochs=2 wd=0.1",
    "wd-0.1-plain": "epochs=1 model=dot wd=0.1 y-range=none", "wd-0.1-rich": "epochs=1 log-steps ranks=2 wd=0.1",
    "wd-1e-07-plain": "epochs=1 model=dot wd=1e-07 y-range=none",
    "wd-1e-07-rich": "epochs=1 log-steps ranks=2 wd=1e-07",
}
ODD = """
seeds = 1
baseline = "lr=0.1/x"
title = "<b>odd</b> & 'quoted'"
[options]
epochs = 1
factors = 2
[axes.label]
"a/b" = { wd = 0.01 }
"a b" = { wd = 0.02 }
"a, b" = { wd = 0.03 }
"lr=0.1/x" = { wd = 0.04 }
"../../up" = { wd = 0.05 }
"ünï ☃ <b>&" = { wd = 0.06 }
"..." = { wd = 0.07 }
"$(touch x) `touch x` *?[a]" = { wd = 0.08 }
"'\\"\\\\" = { wd = 0.09 }
"""


def list_runs(check, bench, *arguments, **more):
    """{folder's name: (state, options)} as --list has them."""
    run = bench.run(*arguments, "--list", **more)
    if not check.that(run.code == OK, f"--list of {arguments}", run.stderr[-300:]):
        return {}
    lines = [shlex.split(line) for line in run.stdout.splitlines()]
    return {Path(words[1]).name: (words[0], sorted(word.removeprefix("--") for word in words[2:])) for words in lines}


def options_of(listed, name):
    """The options without data and seed, which all runs have."""
    return " ".join(word for word in listed[name][1] if not word.startswith(("data=", "seed=")))


def check_grids(check, bench):
    bench.write("grids.toml", GRIDS)
    listed = list_runs(check, bench, "grids.toml")
    want = {f"{name}-seed-{seed}" for name in EXPANDED for seed in (3, 5)}
    check.equal("every cell with every seed, equal ones once", sorted(listed), sorted(want))
    for name, options in EXPANDED.items():
        check.equal(f"options of {name}", options_of(listed, f"{name}-seed-3"), options)
    check.that(all("seed=5" in words for name, (_, words) in listed.items() if name.endswith("-5")),
               "seeds are options")
    check.equal("nothing was made", sorted(os.listdir(bench.folder)), ["data", "grids.toml"])


def check_command_line(check, bench):
    seeds = lambda *given: sorted({int(name.rsplit("-", 1)[1]) for name in  # noqa: E731
                                   list_runs(check, bench, "grids.toml", *given)})
    check.equal("--seeds 3", seeds("--seeds", 3), [1, 2, 3])
    check.equal("--seeds 7,2", seeds("--seeds", "7,2"), [2, 7])
    listed = list_runs(check, bench, "grids.toml", "--set", "epochs=9", "--set", "factors=4")
    check.equal("--set is over the file and its grids", options_of(listed, "wd-0.1-plain-seed-3"),
                "epochs=9 factors=4 model=dot wd=0.1 y-range=none")
    bench.write("flags.toml", "steps = true\n[axes]\nwd = [1]\n")
    check.equal("steps = true logs them", options_of(list_runs(check, bench, "flags.toml"), "wd-1-seed-1"),
                "log-steps wd=1")
    listed = list_runs(check, bench, "flags.toml", "--folds", 2, "--seeds", "7")
    check.equal("--folds 2", {name: options_of(listed, name) for name in listed if name.endswith("seed-7")},
                {f"wd-1-fold-{i}-of-2-seed-7": f"fold={i}/2 log-steps wd=1" for i in (1, 2)})
    listed = list_runs(check, bench, "flags.toml", "--set", "log-steps=false")
    check.equal("--set of a flag", options_of(listed, "wd-1-seed-1"), "no-log-steps wd=1")
    other = list_runs(check, bench, "flags.toml", variables={"COLLAB_PS_WD_BIAS": "0", "COLLAB_PS_SEED": "9"})
    check.equal("options in the environment are left aside", other, list_runs(check, bench, "flags.toml"))


def data_of(check, bench, *arguments, **more):
    listed = list_runs(check, bench, *arguments, **more)
    return sorted({word for _, words in listed.values() for word in words if word.startswith("data=")})


def check_data(check, bench):
    """The places where ratings may be named; paths become absolute, so that records stay valid."""
    elsewhere, root = bench.folder / "elsewhere", os.path.realpath(bench.folder)
    for folder in (elsewhere, bench.folder / "files" / "mine", bench.folder / "there" / "data" / "ml-100k"):
        folder.mkdir(parents=True)
    bench.write("plain.toml", "[axes]\nwd = [1]\n")
    bench.write("files/own.toml", '[options]\ndata = "mine"\n[axes]\nwd = [1]\n')
    bench.write("files/two.toml", '[axes]\ndata = ["mine", "../data"]\n')
    none = {"COLLAB_PS_DATA": None}
    check.equal("data of the environment",
                data_of(check, bench, "plain.toml", variables={"COLLAB_PS_DATA": "elsewhere"}),
                [f"data={root}/elsewhere"])
    check.equal("data of the file, seen from it", data_of(check, bench, "../files/own.toml", cwd=elsewhere),
                [f"data={root}/files/mine"])
    check.equal("data of --set, seen from here", data_of(check, bench, "../files/own.toml", "--set", "data=../data",
                                                        cwd=elsewhere), [f"data={root}/data"])
    check.equal("data along an axis", data_of(check, bench, "files/two.toml"),
                [f"data={root}/data", f"data={root}/files/mine"])
    check.equal("data of nobody, but in its usual place",
                data_of(check, bench, "../plain.toml", cwd=bench.folder / "there",
                                                                  variables=none), [f"data={root}/there/data/ml-100k"])
    check.equal("data of nobody", data_of(check, bench, "plain.toml", variables=none), [])
    told = bench.run("plain.toml", "--list", variables=none).stderr
    check.that("built-in synthetic set" in told, "data of nobody: it is said", told.strip())
    drawn = bench.run("notebook", "--seeds", "1", "--set", "epochs=1", "--out", "made-up", variables=none)
    check.that(drawn.code == OK and "fastai: bias" not in drawn.stdout and "not drawn" in drawn.stderr,
               "data of nobody: no reference beside it", drawn.stderr[-300:])


def check_labels(check, bench):
    """Every label has a folder of its own inside the experiment's, and appears on the page."""
    bench.write("odd.toml", ODD)
    before = sorted(os.listdir(bench.folder))
    run = bench.run("odd.toml", "--out", "odd")
    check.that(run.code == OK and "Traceback" not in run.stderr, "odd labels: trained and compared", run.stderr[-300:])
    check.equal("odd labels: a folder each", len(bench.runs("odd")), 9)
    check.equal("odd labels: nothing beside", sorted(os.listdir(bench.folder)), sorted([*before, "odd"]))
    check.that(all(re.fullmatch(r"[\w.+-]+", name) and name[0] not in "-." for name in bench.runs("odd")),
               "odd labels: names that need no quotes", ", ".join(bench.runs("odd")))
    report = json.loads((bench.folder / "odd" / "compare.json").read_text())
    labels = re.findall(r'^"(.*)" = ', ODD, re.MULTILINE)
    check.equal("odd labels: as they are in the report", [group["label"].replace("\\", "\\\\").replace('"', '\\"')
                                                         for group in report["groups"]], labels)
    check.equal("odd labels: the baseline", report["baseline"], "lr=0.1/x")
    again, made = bench.run("odd.toml", "--out", "odd"), bench.runs("odd")
    check.that("9 of them done" in again.stderr, "odd labels: found again", again.stderr.splitlines()[0])
    check.equal("odd labels: folders hang on labels alone", bench.run("odd.toml", "--out", "odd").code, OK)
    shuffled = ODD.split("[axes.label]\n")
    bench.write("odd.toml", shuffled[0] + "[axes.label]\n" + "\n".join(reversed(shuffled[1].split("\n"))))
    bench.run("odd.toml", "--out", "odd")
    check.that(bench.runs("odd") == made, "odd labels: in another order they are the same runs")


def check_places(check, bench):
    """Works from any folder, and by default leaves its runs below it, in runs/NAME."""
    bench.write("named.toml", 'name = "my name"\n[options]\nepochs = 1\n[axes]\nfactors = [2]\n')
    inner = bench.folder / "a folder" / "below"
    inner.mkdir(parents=True)
    run = bench.run("../../named.toml", cwd=inner, python=())
    check.equal("from another folder", run.code, OK)
    check.equal("runs/NAME is below it", sorted(os.listdir(inner / "runs" / "my name")),
                [".lock", "compare.csv", "compare.html", "compare.json", *(["compare.png"] if drew(run) else []),
                 "factors-2-seed-1"])
    shipped = bench.run("ranks", "--list", cwd="/")
    check.that(shipped.code == OK and "runs/ranks/" in shipped.stdout, "a shipped one from the root",
               shipped.stderr[-200:])


def drew(run):
    """Whether matplotlib was available to draw the picture."""
    return "no picture" not in run.stderr


def check_shipped(check, bench):
    """All files that ship can be read, and the trainer accepts their options."""
    folder = TOOLS / "collab_ps" / "experiments"
    for path in sorted(folder.glob("*.toml")):
        listed = list_runs(check, bench, path.stem)
        check.that(len(listed) > 4, f"{path.stem}: {len(listed)} runs")


def check_manual(check, bench):
    """The manual's example does what the manual says."""
    text = (TOOLS / "collab_ps" / "experiment" / "experiment.md").read_text()
    example = re.search(r"^(    title = .*?)^\S", text, re.MULTILINE | re.DOTALL).group(1)
    bench.write("my.toml", re.sub(r"^    ", "", example, flags=re.MULTILINE))
    bench.write("ratings.csv", "")
    bench.write("history.csv", "")
    listed = list_runs(check, bench, "my.toml")
    check.equal("the manual's example: runs", len(listed), 40)
    check.equal("the manual's example: an option", options_of(listed, "wd-0.2-long-seed-8"),
                "epochs=10 factors=100 lr-max=0.003 wd=0.2")
    keys = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    told = bench.write("unknown.toml", "what = 1\n") and bench.run("unknown.toml").stderr
    check.that(keys and all(key in told for key in keys), "the manual's keys are those that are known", told.strip())


def main():
    check = Verdict("experiment/expansion")
    for part in (check_grids, check_command_line, check_data, check_labels, check_places, check_shipped,
                 check_manual):
        with Workbench() as bench:
            if part is check_command_line:
                bench.write("grids.toml", GRIDS)
            part(check, bench)
    check.finish()


main()
