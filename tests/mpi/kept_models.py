"""The models that a run leaves: those of the last epoch and of the best, or of the last finished epoch if it was
interrupted.

    kept_models.py

A model is identified by its predictions: a run that starts from it and changes nothing has its valid_loss.
"""

import csv
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import records  # noqa: E402
from verdict import Verdict  # noqa: E402

BEST = "model-best.safetensors"
# The best epoch is not the last: the notebook's third model overfits.
OVERFITS = ["--wd", 0.02, "--epochs", 6]
ENDLESS = ["--wd", 0.02, "--schedule", "constant", "--epochs", 100000]
STANDS_STILL = ["--epochs", 1, "--lr-max", 1e-12, "--wd", 0]


def losses(folder):
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        return [float(row["valid_loss"]) for row in csv.DictReader(file)]


def loss_of(model, place):
    """The valid_loss of a model file on the data of every run here."""
    run = launch.launch(["--init", model, *STANDS_STILL, "--out", place / "judged", "--overwrite"], seconds=60)
    return losses(place / "judged")[0] if run.code == 0 else run.stderr


def is_model_of(check, name, model, want, place):
    got = loss_of(model, place)
    check.that(isinstance(got, float) and abs(got - want) < 1e-6, name, f"{got}, want {want}")


def check_whole(check, place):
    """A complete run, in one process and in several."""
    hashes = []
    for shape, ranks in (("one process", None), ("4 ranks", 4)):
        out = place / f"whole-{ranks}"
        run = launch.launch([*OVERFITS, "--out", out], ranks, seconds=120)
        check.equal(f"{shape}: exit code", run.code, 0)
        curve, result = losses(out), records.read_record(out)["result"]
        best = curve.index(min(curve))
        check.that(best < len(curve) - 1, f"{shape}: the best epoch is not the last", best)
        check.that(f"best epoch    {best}, valid_loss {curve[best]:.6f}" in run.stdout and
                   f"last epoch    {len(curve) - 1}, valid_loss {curve[-1]:.6f}" in run.stdout and
                   f"best model    {out / BEST}" in run.stdout, f"{shape}: the summary names both", run.stdout[-400:])
        check.equal(f"{shape}: hashes in run.json", (result["model_sha256"], result["best_model_sha256"]),
                    (records.model_hash(out), records.sha256(out / BEST)))
        check.equal(f"{shape}: epoch of the model", result["model_epoch"], len(curve) - 1)
        is_model_of(check, f"{shape}: loss of the last model", out / "model.safetensors", curve[-1], place)
        is_model_of(check, f"{shape}: loss of the best model", out / BEST, curve[best], place)
        hashes.append((result["model_sha256"], result["best_model_sha256"]))
    check.equal("one hash of each", len(set(hashes)), 1)
    out = place / "improves"
    launch.launch(["--epochs", 2, "--out", out], seconds=60)
    check.that(not (out / BEST).exists(), "no second file where the last epoch is the best", "")
    check.equal("nor a hash of it", records.read_record(out)["result"]["best_model_sha256"], None)


def check_interrupted(check, place, number):
    """A signal during training, to one process and to mpirun."""
    for shape, ranks in ((f"{number.name}, one process", None), (f"{number.name}, 4 ranks", 4)):
        out = place / f"cut-{number.name}-{ranks}"
        process = launch.start([*ENDLESS, "--out", out], ranks)
        until = time.monotonic() + 60
        while time.monotonic() < until and not ((out / "history.csv").exists() and len(losses(out)) > 3):
            time.sleep(0.05)
        process.send_signal(number)
        run = launch.finish(process, 60)
        check.that(run.code not in (0, launch.TIMED_OUT), f"{shape}: ends", run.code)
        model = out / "model.safetensors"
        if not check.that(model.exists(), f"{shape}: leaves a model", run.stderr[-600:]):
            continue
        curve, result = losses(out), records.read_record(out)["result"]
        check.equal(f"{shape}: of the last epoch", result["model_epoch"], len(curve) - 1)
        check.that(f"'{model}' is the model after epoch {len(curve) - 1}" in run.stderr, f"{shape}: and says so",
                   run.stderr[-400:])
        check.equal(f"{shape}: hash", result["model_sha256"], records.model_hash(out))
        is_model_of(check, f"{shape}: its loss", model, curve[-1], place)
        if result["best_epoch"] != result["model_epoch"]:
            is_model_of(check, f"{shape}: loss of the best model", out / BEST, min(curve), place)


def main():
    check = Verdict("mpi/kept-models")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        check_whole(check, place)
        check_interrupted(check, place, signal.SIGTERM)
        check_interrupted(check, place, signal.SIGINT)
    check.finish()


main()
