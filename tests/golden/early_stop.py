"""--early-stop, tested with the whole program: the same end on any ranks, in a replay, and after an interruption anywhere.

A run with --early-stop N ends after the first epoch that is N epochs after the best one. The results do not depend on nodes
and ranks, nor on resuming from a checkpoint, even from that of the last epoch, after which only the model is left to
write.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import records  # noqa: E402
from verdict import Verdict  # noqa: E402

EPOCHS, PATIENCE = 16, 2
ATTEMPTS = 6  # a checkpoint is left out while an earlier one is being written
SOLVERS = {"batch": ["--factors", 50, "--batch-size", 8, "--wd", 0.01],
           "block": ["--solver", "block", "--lr-max", 0.03, "--wd", 0.1]}


def train(check, name, out, arguments, ranks=None):
    """run.json, or an empty record."""
    run = launch.launch([*arguments, "--progress", "none", "--out", out], ranks)
    check.that(run.code == 0, f"{name}: trains", run.stderr[-400:] if run.code else "")
    return records.read_record(out) if run.code == 0 else {"result": {}}


def outcome(record):
    return [record["result"].get(name) for name in ("model_sha256", "best_model_sha256", "curve_sha256", "early_stop")]


def check_end(check, name, record, out):
    """Checks that it ends where its history implies, and that the summary gives the reason."""
    losses = [float(line.split(",")[2]) for line in (out / "history.csv").read_text().splitlines()[1:]]
    best = losses.index(min(losses))
    check.that(1 < len(losses) < EPOCHS, f"{name}: ends early", f"after {len(losses)}")
    check.equal(f"{name}: epochs behind the best", len(losses) - 1 - best, PATIENCE)
    check.equal(f"{name}: why", record["result"]["early_stop"],
                {"patience": PATIENCE, "after_epoch": len(losses) - 1, "best_epoch": best, "planned_epochs": EPOCHS})


def step_of(checkpoint):
    return int(checkpoint.name.removeprefix("step-"))


def has_checkpoint(run, step):
    return any(step_of(folder) == step for folder in (run / "checkpoints").iterdir())


def cut_at_the_end(saved, out, wanted):
    """Copies a run as one that was interrupted at its end: its newest checkpoint is that of the last epoch."""
    shutil.copytree(saved, out)
    record = json.loads((out / "run.json").read_text())
    record["state"] = "failed: killed"
    record["options"]["early-stop"].update(value=str(PATIENCE), source="command line")
    (out / "run.json").write_text(json.dumps(record))
    for folder in (out / "checkpoints").iterdir():
        if step_of(folder) > wanted:
            shutil.rmtree(folder)


def check_solver(check, solver, data, scratch):
    common = ["--data", data, "--epochs", EPOCHS, *SOLVERS[solver]]
    stops = [*common, "--early-stop", PATIENCE]
    first = train(check, solver, scratch / solver, stops)
    check_end(check, solver, first, scratch / solver)
    for name, ranks, more in (("nodes", None, ["--servers", 2, "--workers", 3]), ("ranks", 4, [])):
        record = train(check, f"{solver}, {name}", scratch / f"{solver}-{name}", [*stops, *more], ranks)
        check.equal(f"{solver}, {name}: outcome", outcome(record), outcome(first))
    replay = launch.launch(["replay", scratch / solver, "--progress", "none"])
    check.that(replay.code == 0 and "early stop" in replay.stdout and "\nsame" in replay.stdout, f"{solver}: replays",
               replay.stdout[-200:] + replay.stderr[-200:])
    wanted = first["result"]["steps"]
    for attempt in range(ATTEMPTS):
        whole = scratch / f"{solver}-whole-{attempt}"
        train(check, f"{solver}, to its end", whole, [*common, "--save-every", f"{wanted}steps", "--keep", 9])
        if has_checkpoint(whole, wanted):
            break
    else:
        check.that(solver == "block", f"{solver}: has a checkpoint of that epoch", "")
        return  # the block solver ends before it has written that many
    for ranks in (None, 4):
        out = scratch / f"{solver}-cut-{ranks}"
        cut_at_the_end(whole, out, wanted)
        run = launch.launch(["--resume", out, "--progress", "none"], ranks)
        same = run.code == 0 and outcome(records.read_record(out))[::2] == outcome(first)[::2]
        check.that(same, f"{solver}: goes on from the epoch that it ends with, {ranks or 1} ranks", run.stderr[-300:])


def main():
    check = Verdict("golden/early_stop")
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "set"
        launch.launch(["synth", "--users", 60, "--movies", 80, "--ratings", 4500, "--out", data])
        for solver in SOLVERS:
            check_solver(check, solver, data / "ratings.csv", Path(scratch))
        refused = launch.launch(["--early-stop", 2, "--valid-pct", 0, "--out", Path(scratch) / "none"])
        check.equal("nothing to validate on", refused.code, 2)
    check.finish()


main()
