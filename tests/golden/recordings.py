"""Replays recordings of another framework's training, step by step.

    recordings.py [--ranks N] [FOLDER ...]

A folder holds init.safetensors, final.safetensors, steps.csv and history.csv; train.csv, valid.csv
and batches.npy are in it or in the folder above. What these files do not contain (model, y range, weight
decay, learning rate) comes from a file recipe.json in the folder, {"wd": 0.1, ...} with the
program's own option names as keys, else from the table below by the folder's name. Without
arguments: the four recordings, and one of them once more over eight ranks.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import places  # noqa: E402
import records  # noqa: E402
import run_files  # noqa: E402
from arrays import numpy  # noqa: E402
from verdict import Verdict  # noqa: E402

RECIPES = {
    "dot": {"model": "dot", "y-range": "none", "wd": 0.01},
    "dot-range": {"model": "dot", "y-range": "0,5.5", "wd": 0.01},
    "bias": {"model": "bias", "y-range": "0,5.5", "wd": 0.01},
    "bias-wd": {"model": "bias", "y-range": "0,5.5", "wd": 0.1},
}
STEP_LOSS, VALID_LOSS, TRAIN_LOSS, HYPER, WEIGHT = 5e-5, 5e-6, 1e-5, 1e-7, 1e-4
HYPER_FLOOR = 1e-9
SECONDS = 120


def recipe_of(folder):
    """The option names and values of a recording."""
    own = folder / "recipe.json"
    if own.exists():
        return json.loads(own.read_text())
    if folder.name not in RECIPES:
        sys.exit(f"'{folder}' is in no table and has no recipe.json")
    return RECIPES[folder.name]


def beside(folder, name):
    """A file of the recording, or one that it shares with others in the folder above."""
    return folder / name if (folder / name).exists() else folder.parent / name


def options_of(folder, out):
    """The command line that repeats a recording."""
    order = beside(folder, "batches.npy")
    steps, batch_size = numpy.load(order, mmap_mode="r").shape
    epochs = len(run_files.read_columns(folder / "history.csv")["epoch"])
    factors = run_files.read_safetensors(folder / "init.safetensors")["user_factors.weight"].shape[1]
    options = {"train": beside(folder, "train.csv"), "valid": beside(folder, "valid.csv"),
               "init": folder / "init.safetensors", "batch-order": order, "factors": factors, "epochs": epochs,
               "batch-size": batch_size, "lr-max": 5e-3, "out": out, "progress": "none", **recipe_of(folder)}
    arguments = ["train", "--log-steps"]
    for name, value in options.items():
        arguments += [f"--{name}", value]
    return arguments


def compare(check, name, folder, out):
    """Compares everything in a recording with a run's folder."""
    got, want = (run_files.read_columns(f / "steps.csv") for f in (out, folder))
    if not check.equal(f"{name}: steps", len(got["loss"]), len(want["loss"])):
        return
    check.at_most(f"{name}: step losses, relative", run_files.largest_relative(got["loss"], want["loss"]), STEP_LOSS)
    for column in ("lr", "mom"):
        check.at_most(f"{name}: {column}, relative",
                      max(0.0, float(numpy.max((numpy.abs(got[column] - want[column]) - HYPER_FLOOR)
                                               / numpy.abs(want[column])))), HYPER)
    got, want = (run_files.read_columns(f / "history.csv") for f in (out, folder))
    check.at_most(f"{name}: valid_loss", run_files.largest_difference(got["valid_loss"], want["valid_loss"]), VALID_LOSS)
    check.at_most(f"{name}: train_loss", run_files.largest_difference(got["train_loss"], want["train_loss"]), TRAIN_LOSS)
    got = run_files.read_safetensors(out / "model.safetensors")
    for tensor, values in run_files.read_safetensors(folder / "final.safetensors").items():
        check.at_most(f"{name}: {tensor}", run_files.largest_difference(got[tensor], values), WEIGHT)


def replay(check, name, folder, out, ranks=None):
    """Trains with the options of the recording; returns whether it succeeded."""
    run = launch.launch(options_of(folder, out), ranks, SECONDS)
    shape = "one process" if ranks is None else f"{ranks} ranks"
    return check.that(run.code == 0, f"{name}: trains, {shape}", f"exit code {run.code} {run.stderr[-500:] if run.code else ''}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ranks", type=int)
    parser.add_argument("folders", nargs="*", type=Path)
    arguments = parser.parse_args()
    folders = arguments.folders or [places.golden() / name for name in RECIPES]
    check = Verdict("golden/recordings")
    with tempfile.TemporaryDirectory() as scratch:
        for folder in folders:
            out = Path(scratch) / folder.name
            if replay(check, folder.name, folder, out, arguments.ranks):
                compare(check, folder.name, folder, out)
        if not arguments.folders:
            one, eight = Path(scratch) / "bias-wd", Path(scratch) / "eight"
            if replay(check, "bias-wd", places.golden() / "bias-wd", eight, 8):
                check.equal("bias-wd: the same model on 8 ranks", records.model_hash(eight), records.model_hash(one))
                check.equal("bias-wd: the same curve on 8 ranks", records.curve_hash(eight), records.curve_hash(one))
    check.finish()


main()
