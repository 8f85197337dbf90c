"""The bits of every model, optimizer and schedule must be those in pinned.csv.

    pinned.py            trains every case and compares both hashes with the file
    pinned.py --print    prints the file's lines for the current program

one_hash.py checks that all ways of running a job agree with each other, this test that they agree with earlier
versions. common/model/exactness.md says when a line of the file may change.
"""

import csv
import itertools
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import records  # noqa: E402
from verdict import Verdict  # noqa: E402

PINNED = Path(__file__).with_name("pinned.csv")
SECONDS = int(os.environ.get("COLLAB_PS_RUN_SECONDS", "60"))  # limit of a run; emulated ones get more
SET = ["--users", 300, "--movies", 200, "--ratings", 6000]
COMMON = ["--epochs", 4, "--batch-size", 16, "--factors", 20, "--progress", "none"]     # 1,200 steps, more than a block of grants
MODELS = {"dot": ["--model", "dot", "--y-range", "none"], "dot-range": ["--model", "dot"], "bias": ["--model", "bias"]}
OPTIMIZERS = {"adam": [], "sgd": ["--lr-max", 0.2, "--wd", 0.01], "adagrad": ["--lr-max", 0.05]}
SCHEDULES = ("one-cycle", "cosine", "constant")
OTHERS = {
    "bias adam decays apart": ["--wd", 0.3, "--wd-bias", 0.03],
    "bias sgd decays apart": ["--optimizer", "sgd", "--lr-max", 0.2, "--wd", 0.02, "--wd-bias", 0],
    "bias adagrad decays apart": ["--optimizer", "adagrad", "--lr-max", 0.05, "--wd-bias", 0.01],
    "bias adam 1 factor": ["--factors", 1],
    "bias adam 64 factors": ["--factors", 64],
    "bias adam another seed": ["--seed", 18446744073709551615],
    "bias adam another range": ["--y-range=-1,7"],
    "bias adam strong decay": ["--schedule", "constant", "--wd", 28],
    "bias adam offset": ["--offset", "mean"],
    "dot adam offset no range": [*MODELS["dot"], "--offset", "mean"],
    "bias adam no validation": ["--valid-pct", 0],
    "bias adam large batch": ["--batch-size", 1500, "--lr-max", 0.02],
}
JOBS = {"adam one-cycle": (2, 3), "adagrad constant": (4,), "decays apart": (8,), "offset": (4,)}     # selected by the end of a case's name


def cases():
    """{name: arguments}"""
    found = {}
    for model, optimizer, schedule in itertools.product(MODELS, OPTIMIZERS, SCHEDULES):
        found[f"{model} {optimizer} {schedule}"] = [*MODELS[model], "--optimizer", optimizer, *OPTIMIZERS[optimizer],
                                                    "--schedule", schedule]
    return {**found, **OTHERS}


def variants(name):
    """[(text, ranks, arguments)]: the scalar reference, the processor's instruction set with more nodes, some real jobs."""
    yield "scalar", None, ["--isa", "scalar"]
    yield "3 servers, 4 workers", None, ["--servers", 3, "--workers", 4]
    if name.startswith("bias"):
        for end, jobs in JOBS.items():
            for ranks in jobs if name.endswith(end) else ():
                yield f"{ranks} ranks", ranks, []


def hashes(arguments, ranks, data):
    """(model, curve) hashes of a run, or its output if it failed."""
    with tempfile.TemporaryDirectory(dir=data) as folder:
        out = Path(folder) / "run"
        run = launch.launch([*COMMON, *arguments, "--data", data / "ratings.csv", "--out", out], ranks, seconds=SECONDS, cwd=folder)
        if run.code != 0:
            return f"exit code {run.code}", run.stderr[-800:]
        return records.model_hash(out), records.read_record(out)["result"]["curve_sha256"]


def print_all(data):
    print("case,model_sha256,curve_sha256")
    for name, arguments in cases().items():
        print(name, *hashes(arguments, None, data), sep=",", flush=True)


def check_all(check, data):
    with open(PINNED, newline="") as file:
        pinned = {row["case"]: (row["model_sha256"], row["curve_sha256"]) for row in csv.DictReader(file)}
    check.equal("cases that are pinned", sorted(pinned), sorted(cases()))
    for name, arguments in cases().items():
        for text, ranks, more in variants(name):
            check.equal(f"{name}, {text}", hashes([*arguments, *more], ranks, data), pinned.get(name))


def main():
    check = Verdict("golden/pinned")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        made = launch.launch(["synth", *SET, "--out", data])
        if "--print" in sys.argv[1:] and made.code == 0:
            return print_all(data)
        if check.that(made.code == 0, "the set is made", made.stderr[-500:]):
            check_all(check, data)
    return check.finish()


main()
