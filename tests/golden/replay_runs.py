"""'collab-ps replay': repeats a run from its record, and reports the first difference if there is any.

A recorded run is repeated with other ranks, transports and instruction sets; with an option changed; after its data were
moved or changed; and if it was interrupted, killed or diverged. The first part needs no data set; the others need
MovieLens-100k and a recording of another framework, and are skipped without them.
"""

import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import places  # noqa: E402
import records  # noqa: E402
import refusal  # noqa: E402
from verdict import Verdict  # noqa: E402

SECONDS = 120
SMALL = ["--factors", "8", "--batch-size", "512", "--epochs", "3"]
SPOKEN = re.compile(r"^(same|differs): .*$", re.MULTILINE)
STEP = re.compile(r"first at step ([\d,]+) \(epoch (\d+)\): recorded ([^,]+), now ([^ ]+) \(")


def train(check, name, arguments):
    run = launch.launch([*arguments, "--progress", "none"], None, SECONDS)
    return check.that(run.code == 0, f"{name}: trains", run.stderr[-300:] if run.code else "")


def verdict_of(run):
    found = SPOKEN.search(run.stdout)
    return found.group(0) if found else f"no verdict, {run.code}: {run.stderr[-300:]}"


def replays(check, name, arguments, code, wanted, ranks=None, cwd=None):
    """Replays a run; the verdict must match wanted."""
    run = launch.launch(["replay", *arguments, "--progress", "none"], ranks, SECONDS, cwd)
    shape = name if ranks is None else f"{name}, {ranks} ranks"
    said = verdict_of(run)
    check.that(run.code == code and re.search(wanted, run.stdout, re.MULTILINE), shape, said if run.code == code
               else f"exit code {run.code}, not {code}: {said}")
    return run


def first_unlike(one, other):
    """The 0-based number of the first line of steps.csv whose losses differ, and both losses."""
    lines = zip(*[(folder / "steps.csv").read_text().splitlines()[1:] for folder in (one, other)])
    for step, pair in enumerate(lines):
        losses = [line.rsplit(",", 1)[1] for line in pair]
        if losses[0] != losses[1]:
            return step, *losses
    return None


def check_same(check, run, curve, steps, epochs):
    wanted = f"same: curve {curve} \\({steps:,} steps, {epochs} epochs\\)"
    replays(check, "the same", [run], 0, wanted)
    replays(check, "scalar", [run, "--isa", "scalar"], 0, wanted)
    replays(check, "mpi", [run, "--transport", "mpi"], 0, wanted, ranks=8)
    replays(check, "ipc", [run, "--transport", "ipc"], 0, wanted, ranks=4)
    replays(check, "tcp, one server", [run, "--transport", "tcp", "--servers", "1"], 0, wanted, ranks=3)


def check_differing(check, scratch, run):
    """An option is changed: the step reported must be the first that differs in the files."""
    for option, value in (("lr-max", "0.0051"), ("wd", "0.2"), ("seed", "8"), ("schedule", "cosine")):
        out = scratch / f"other-{option}"
        ended = replays(check, option, [run, f"--{option}", value, "--out", out], 1,
                        rf"differs: first at step .*\n  --{option}: recorded \S+, now {re.escape(value)}\n")
        found, truth = STEP.search(ended.stdout), first_unlike(run, out)
        got = (int(found[1].replace(",", "")), found[3], found[4]) if found else None
        check.equal(f"{option}: the step and its losses", got, truth)
    replays(check, "wd", [run, "--wd", "0.2"], 1, "differs: first at step .*\n  --wd: ", ranks=3)
    replays(check, "fewer epochs of a constant schedule", [scratch / "other-schedule", "--epochs", "2"], 1,
            "--epochs: recorded 3, now 2")


def check_without_steps(check, scratch):
    run = scratch / "plain"
    if train(check, "with steps", [*SMALL, "--log-steps", "--out", run]):
        (run / "steps.csv").unlink()
        replays(check, "steps from the events", [run], 0, r"same: curve [0-9a-f]{64} \([0-9,]+ steps, 3 epochs\)")
    if train(check, "without steps", [*SMALL, "--overwrite", "--out", run]):
        replays(check, "without steps", [run], 0, r"same: curve [0-9a-f]{64} \(3 epochs\)\n  no losses of steps")
        replays(check, "without steps, wd", [run, "--wd", "0.2"], 1,
                r"differs: first in epoch 0, train_loss: (?s:.*)--log-steps would have told the step")


def check_folders(check, scratch, run):
    """Nothing is left behind, and the recorded run is not modified."""
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    here, there = scratch / "here", scratch / "there"
    here.mkdir()
    there.mkdir()
    os.environ["TMPDIR"] = str(there)
    launch.launch(["replay", run], None, SECONDS, here)
    launch.launch(["replay", run, "--epochs", "0"], None, SECONDS, here)
    launch.launch(["replay", run, "--data", "absent"], None, SECONDS, here)
    del os.environ["TMPDIR"]
    check.equal("no folder is left", [*here.iterdir(), *there.iterdir()], [])
    after = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    check.that(after == before, "the record is untouched", f"{len(before)} files")
    refusal.refuses(check, "--out on the recorded run", ["replay", run, "--out", run], refusal.USAGE,
                    "is the recorded run itself", here)


def check_ends(check, scratch):
    """Runs that were interrupted or killed, or that diverged."""
    cut = scratch / "cut"
    process = launch.start(["--epochs", "2000", "--log-steps", "--out", cut, "--progress", "none"])
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and len(lines_of(cut / "history.csv")) < 4:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    ended = launch.finish(process, SECONDS)
    check.equal("cut: ends", ended.code, refusal.PREEMPTED)
    replays(check, "cut", [cut], 0, r"same: curve \w+ \([\d,]+ steps, \d+ epochs\)\n  the recorded run went no further")
    replays(check, "cut, wd", [cut, "--wd", "0.2"], 1, "differs: first at step", ranks=3)
    killed = scratch / "killed"
    shutil.copytree(cut, killed)
    with open(killed / "steps.csv", "rb+") as file:
        file.truncate(file.seek(0, 2) - 3)
    record = records.read_record(killed)
    record.update(state="running", exit_code=None)
    (killed / "run.json").write_text(json.dumps(record))
    replays(check, "killed", [killed], 0, "^same(?s:.*)went no further, its state is 'running'")
    wild = ["--model", "dot", "--y-range", "none", "--optimizer", "sgd", "--lr-max", "100", "--wd", "0"]
    check_diverged(check, scratch, wild)


def check_diverged(check, scratch, wild):
    """The record of a run that diverges ends exactly at that step, whatever the ranks."""
    steps = []
    for name, ranks, arguments in (("wild", None, []), ("nodes", None, ["--servers", "3", "--workers", "4"]), ("ranks", 4, [])):
        run = launch.launch([*wild, "--log-steps", *arguments, "--out", scratch / name], ranks, SECONDS)
        result = records.read_record(scratch / name)["result"]
        steps.append((scratch / name / "steps.csv").read_bytes())
        check.equal(f"{name}: diverged", run.code, 5)
        check.equal(f"{name}: the last step", steps[-1].splitlines()[-1].split(b",")[0], str(result["diverged_step"]).encode())
    check.that(steps[0] == steps[1] == steps[2], "one record of a diverged run", f"{len(steps[0].splitlines())} lines")
    replays(check, "diverged", [scratch / "wild"], 0, "^same(?s:.*)training diverged at step")
    replays(check, "diverged", [scratch / "wild"], 0, "^same(?s:.*)training diverged at step", ranks=3)
    replays(check, "tamed", [scratch / "wild", "--lr-max", "0.005"], 1, "differs: first at step 1 (?s:.*)--lr-max")
    launch.launch([*wild, "--out", scratch / "bare"], None, SECONDS)
    replays(check, "diverged, no steps recorded", [scratch / "bare"], 0, "^same(?s:.*)training diverged at step")
    replays(check, "tamed, no steps recorded", [scratch / "bare", "--lr-max", "0.005"], 1, "differs: in no loss(?s:.*)--lr-max")


def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


def check_tampered(check, scratch, run):
    """A number in the record is changed."""
    for name, change, wanted in (
            ("steps.csv", lambda text: re.sub(r"(\n7,.*,)\S+", r"\g<1>0.5", text), r"first at step 7 \(epoch 0\): recorded 0\.5,"),
            ("history.csv", lambda text: re.sub(r"(\n1,[^,]*,)[^,]*", r"\g<1>0.25", text), "first in epoch 1, valid_loss: recorded 0.25,"),
            ("run.json", lambda text: re.sub(r'("model_sha256": ")\w+', r"\g<1>00", text), "no loss, but the model: recorded sha256 00, now"),
            ("run.json", lambda text: re.sub(r'("curve_sha256": ")\w+', r"\g<1>00", text), "no loss, but the curve: recorded sha256 00, now")):
        other = scratch / "tampered"
        shutil.copytree(run, other, dirs_exist_ok=True)
        (other / name).write_text(change((other / name).read_text()))
        replays(check, f"another {name}", [other], 1, wanted + "(?s:.*)no option of data, model or training differs")


def check_refusals(check, scratch, run):
    """Folders that are not a run, and runs whose data are no longer available."""
    empty, broken, newer = scratch / "empty", scratch / "broken", scratch / "newer"
    empty.mkdir()
    for folder, text in ((broken, '{"state": '), (newer, (run / "run.json").read_text().replace('"format": 1', '"format": 99'))):
        folder.mkdir()
        (folder / "run.json").write_text(text)
    for name, path, wanted in (("absent", scratch / "absent", "cannot read run folder"),
                               ("a file", Path(__file__), "is not a run folder, but a file"),
                               ("empty", empty, "holds no 'run.json'"), ("broken", broken, "is broken: line 1"),
                               ("newer", newer, "in a format that is not known here")):
        refusal.refuses(check, name, ["replay", path], refusal.DATA, wanted, scratch)
    refusal.refuses(check, "absent", ["replay", scratch / "absent"], refusal.DATA, "cannot read run folder", scratch, ranks=3)
    ratings, own = scratch / "ratings.csv", scratch / "own"
    ratings.write_text("\n".join(f"{u},{m},{1 + (u * m) % 5}" for u in range(1, 40) for m in range(1, 30)) + "\n")
    if train(check, "a file of ratings", ["--data", ratings, *SMALL, "--out", own]):
        moved = scratch / "moved.csv"
        ratings.rename(moved)
        refusal.refuses(check, "the data is gone", ["replay", own], refusal.DATA, "the recorded '--data'", scratch)
        replays(check, "the data was moved", [own, "--data", moved], 0, "^same")
        ratings.write_text(moved.read_text().replace("1,1,2", "1,1,3"))
        refusal.refuses(check, "other data", ["replay", own], refusal.DATA, "is not the file that the recorded '--data' named", scratch)
        refusal.refuses(check, "other data", ["replay", own], refusal.DATA, "is not the file that the recorded '--data' named", scratch, ranks=3)


def check_movielens(check, scratch):
    """The default run on real data."""
    data, run = places.SHARED / "data" / "ml-100k", scratch / "movielens"
    data = Path(os.environ.get("COLLAB_PS_DATA", data))
    if not (data / "u.data").exists():
        if os.environ.get("CI") == "true":
            return check.that(False, "MovieLens-100k is at hand", "set COLLAB_PS_DATA")
        return check.skip("MovieLens-100k", f"nothing at '{data}' (set COLLAB_PS_DATA)")
    if train(check, "MovieLens-100k", ["--data", data, "--log-steps", "--out", run]):
        curve = records.read_record(run)["result"]["curve_sha256"]
        wanted = f"same: curve {curve} \\(6,250 steps, 5 epochs\\)"
        replays(check, "MovieLens-100k", [run], 0, wanted, ranks=8)
        replays(check, "MovieLens-100k, ipc, scalar", [run, "--transport", "ipc", "--isa", "scalar"], 0, wanted, ranks=3)
        replays(check, "MovieLens-100k, lr-max", [run, "--lr-max", "0.0051"], 1, "differs: first at step")


def check_recording(check, scratch):
    """A run with explicit split, initial values and order."""
    folder = Path(os.environ.get("COLLAB_PS_GOLDEN", places.SHARED / "golden"))
    if not (folder / "bias-wd" / "init.safetensors").exists():
        if os.environ.get("CI") == "true":
            return check.that(False, "the recordings are at hand", "set COLLAB_PS_GOLDEN")
        return check.skip("a recording", f"nothing at '{folder}' (set COLLAB_PS_GOLDEN)")
    run = scratch / "recording"
    arguments = ["--train", folder / "train.csv", "--valid", folder / "valid.csv", "--y-range", "0,5.5",
                 "--init", folder / "bias-wd" / "init.safetensors", "--batch-order", folder / "batches.npy",
                 "--log-steps", "--out", run]
    if train(check, "a recording", arguments):
        replays(check, "a recording", [run], 0, "^same: curve .* epochs")
        replays(check, "a recording", [run], 0, "^same: curve .* epochs", ranks=4)
        replays(check, "a recording, wd-bias", [run, "--wd-bias", "0"], 1, "--wd-bias: recorded same, now 0")
    return None


def main():
    check = Verdict("golden/replay_runs")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        run = scratch / "run"
        if train(check, "the recorded run", [*SMALL, "--log-steps", "--out", run]):
            record = records.read_record(run)["result"]
            check_same(check, run, record["curve_sha256"], record["steps"], 3)
            check_differing(check, scratch, run)
            check_folders(check, scratch, run)
            check_tampered(check, scratch, run)
            check_refusals(check, scratch, run)
        check_without_steps(check, scratch)
        check_ends(check, scratch)
        check_movielens(check, scratch)
        check_recording(check, scratch)
    check.finish()


main()
