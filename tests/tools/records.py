"""The record of a run: run.json, and the hashes by which runs are compared."""

import csv
import hashlib
import json


def read_record(folder):
    """run.json of a run folder."""
    return json.loads((folder / "run.json").read_text())


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def model_hash(folder):
    return sha256(folder / "model.safetensors")


def curve_hash(folder):
    """The SHA-256 of history.csv as written, without times."""
    with open(folder / "history.csv", newline="") as file:
        lines = [",".join((row["epoch"], row["train_loss"], row["valid_loss"], row["valid_rmse"],
                           row["valid_mae"])) for row in csv.DictReader(file)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
