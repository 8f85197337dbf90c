"""Eight seeds of each model at the defaults, against fastai's eight.

    curves.py [FIRST_SEED [SEEDS]]

Each seed draws its own split, initial values and order with the program's generator, so this test checks that
these are as random as they should be: the mean valid_loss of every epoch must lie within
2.5 standard errors of the difference of the two means, s.e.² = s₁²/n₁ + s₂²/n₂.

train_loss is a moving average over about fifty batches. Its twenty values are nearly independent, whereas those of
valid_loss vary together with the split, and eight seeds are few for an estimate of the standard error: one in three or four
sets of eight has a value beyond 2.5. The limit for it is 3.5, which about one in fifteen exceeds (Student's t, 14 degrees of
freedom).
"""

import csv
import math
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import places  # noqa: E402
import run_files  # noqa: E402
from arrays import numpy  # noqa: E402
from verdict import Verdict  # noqa: E402

CURVES = places.SOURCE / "deploy" / "tools" / "collab_ps" / "experiments" / "fastai-curves.csv"
MODELS = {
    "dot": ["--model", "dot", "--y-range", "none", "--wd", "0.01"],
    "dot-range": ["--model", "dot", "--y-range", "0,5.5", "--wd", "0.01"],
    "bias": ["--model", "bias", "--y-range", "0,5.5", "--wd", "0.01"],
    "bias-wd": ["--model", "bias", "--y-range", "0,5.5", "--wd", "0.1"],
}
LIMITS = {"train_loss": 3.5, "valid_loss": 2.5}


def recorded_curves():
    """{(model, loss): array [seeds, epochs]} of fastai."""
    curves = {}
    with open(CURVES, newline="") as file:
        for row in csv.DictReader(file):
            for loss in LIMITS:
                curves.setdefault((row["model"], loss), {}).setdefault(row["seed"], []).append(float(row[loss]))
    return {key: numpy.array(list(seeds.values())) for key, seeds in curves.items()}


def own_curves(check, model, seeds, scratch):
    """{loss: array [seeds, epochs]} of the program."""
    curves = {loss: [] for loss in LIMITS}
    for seed in seeds:
        out = Path(scratch) / f"{model}-{seed}"
        run = launch.launch(["--data", places.movielens_100k(), *MODELS[model], "--seed", seed, "--progress", "none",
                             "--out", out], seconds=60)
        if run.code != 0:
            check.that(False, f"{model}, seed {seed}: trains", f"exit code {run.code} {run.stderr[-500:]}")
            continue
        history = run_files.read_columns(out / "history.csv")
        for loss in LIMITS:
            curves[loss].append(history[loss])
    return {loss: numpy.array(values) for loss, values in curves.items()}


def compare(check, claim, own, recorded, limit):
    """The z value of every epoch."""
    error = numpy.sqrt(own.var(axis=0, ddof=1) / len(own) + recorded.var(axis=0, ddof=1) / len(recorded))
    z = (own.mean(axis=0) - recorded.mean(axis=0)) / error
    worst = float(numpy.max(numpy.abs(z)))
    values = " ".join(f"{value:+.2f}" for value in z)
    means = " ".join(f"{value:.4f}" for value in own.mean(axis=0))
    check.that(not math.isnan(worst) and worst <= limit, claim, f"z {values}, limit {limit}; means {means}")


def main():
    first, count = (int(value) for value in (sys.argv[1:] + ["1", "8"][len(sys.argv) - 1:]))
    check, recorded = Verdict("golden/curves"), recorded_curves()
    with tempfile.TemporaryDirectory() as scratch:
        for model in MODELS:
            own = own_curves(check, model, range(first, first + count), scratch)
            for loss in LIMITS:
                compare(check, f"{model}: {loss}", own[loss], recorded[model, loss], LIMITS[loss])
    check.finish()


main()
