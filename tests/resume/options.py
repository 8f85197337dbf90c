"""An interruption changes nothing, whatever the options: each of these runs is stopped once, resumed and compared with a
run without interruption. One of them is also replayed.

The end of a run, its initial values and its ratings are taken from the record, the checkpoint and the files that the
options name, even if these were moved.
"""

import struct
import sys
import tempfile
from pathlib import Path

import runs

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
from verdict import Verdict  # noqa: E402

COMMON = ["--factors", 6, "--log-steps", "--progress", "none", "--save-every", 1]
BATCH = ["--epochs", 12, "--batch-size", 2000]


def ratings(path, first, count):
    path.write_text("user,item,rating\n" + "".join(
        f"u{number * 7919 % 301},i{number * 104729 % 211},{1 + number * number % 5}\n" for number in range(first, first + count)))
    return path


def order(path, steps, batch, count):
    """A file for --batch-order: row numbers of the training file, int32 [steps, batch]."""
    header = f"{{'descr': '<i4', 'fortran_order': False, 'shape': ({steps}, {batch}), }}".ljust(117) + "\n"
    rows = [place * 7919 % count for place in range(steps * batch)]
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack(f"<{len(rows)}i", *rows))
    return path


def kinds(folder, model):
    train, valid = ratings(folder / "train.csv", 0, 40000), ratings(folder / "valid.csv", 40000, 8000)
    given = ["--train", train, "--valid", valid]
    return [
        ("a fold", [*BATCH, "--fold", "2/5"]),
        ("--early-stop", ["--epochs", 60, "--batch-size", 1000, "--wd", 0, "--early-stop", 4]),
        ("--early-stop of blocks", ["--solver", "block", "--epochs", 60, "--lr-max", 0.03, "--wd", 0, "--early-stop", 4,
                                   "--offset", "mean"]),
        ("--offset mean", [*BATCH, "--offset", "mean", "--optimizer", "adagrad"]),
        ("a recipe", ["--recipe", "best", "--epochs", 4]),
        ("--init", [*BATCH, "--init", model]),
        ("--batch-order", ["--epochs", 10, "--batch-size", 1000, *given, "--batch-order", order(folder / "order.npy", 400, 1000, 40000)]),
        ("files of one's own", [*BATCH, *given, "--schedule", "cosine", "--model", "dot", "--y-range", "none"]),
    ]


def stopped(folder, name, arguments):
    """A run that was told to end once it had a checkpoint, unless each of some ended earlier by itself."""
    run = runs.CutRun(folder / name, arguments)
    for _ in range(runs.ATTEMPTS):
        run.forget()
        run.start(runs.Shape(None))
        while not list(run.out.glob("checkpoints/*/manifest")) and run.process.poll() is None:
            pass
        run.process.terminate()
        run.process.communicate()
        if not run.is_done():
            break
    return run


def main():
    check = Verdict("resume/options")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = launch.launch([*COMMON, *BATCH, "--out", folder / "first"], cwd=folder)
        check.equal("a model to begin with", first.code, 0)
        cut = 0
        for number, (title, arguments) in enumerate(kinds(folder, folder / "first" / "model.safetensors")):
            place = folder / str(number)
            place.mkdir()
            uncut = runs.Uncut(place, [*COMMON, *arguments])
            run = stopped(place, "cut", [*COMMON, *arguments])
            cut += not run.is_done()
            wrong = run.finish(runs.Shape(4, "tcp") if number == 2 else runs.Shape(None))
            found = [wrong] if wrong else uncut.differences(run.out, getattr(run, "stdout", None))
            check.that(not found, title, "; ".join(found))
            if number == 1:
                compared = launch.launch(["compare", uncut.out, run.out], cwd=folder)
                check.that(compared.code == 0, "compared with the run that was not cut", compared.stdout[-300:] + compared.stderr)
                replayed = launch.launch(["replay", run.out], cwd=folder)
                check.that(replayed.code == 0 and "\nsame: curve " in replayed.stdout, "replayed", replayed.stdout[-300:])
        check.that(cut >= 6, "runs that were cut before their end", f"{cut}")
    check.finish()


main()
