"""What --resume refuses, with one error line and a hint, and which checkpoint it uses instead.

    refusals.py [FLIPS [K/N]]

By default a few bytes of a checkpoint are changed; with FLIPS every byte of its manifest and FLIPS bytes of its parts, or
the K-th of N shares of these.

It refuses other options and other data, naming them, complete runs, and folders that are not a run's. Checkpoints that are
damaged, truncated, missing or of another run are reported and never loaded; the next older one is used, with the same end.
"""

import json
import random
import shutil
import sys
import tempfile
from pathlib import Path

import runs

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import refusal  # noqa: E402
from verdict import Verdict  # noqa: E402

SMALL = ["--factors", 6, "--log-steps", "--progress", "none", "--epochs", 4, "--batch-size", 1000, "--save-every", 1,
         "--keep", 3]
FLIPS = int(sys.argv[1]) if sys.argv[1:] else 0
SHARE, SHARES = map(int, sys.argv[2].split("/")) if sys.argv[2:] else (1, 1)


def cut_run(folder, name, arguments):
    """A run that was killed when its third epoch was saved, and has three checkpoints. Repeated if the run was faster than
    the kill."""
    for _ in range(runs.ATTEMPTS):
        run = runs.CutRun(folder / name, arguments)
        run.start(runs.Shape(None))
        while len(checkpoints(run.out)) < 3 and run.process.poll() is None:
            pass
        run.process.kill()
        run.process.communicate()
        if len(checkpoints(run.out)) == 3 and runs.record(run.out)["state"] == "running":
            return run.out
        shutil.rmtree(run.out)
    sys.exit(f"no run of {runs.ATTEMPTS} could be killed in time")


def checkpoints(out):
    """The folders of valid checkpoints, the oldest first."""
    return sorted(path.parent for path in out.glob("checkpoints/step-*/manifest"))


def as_cut(out, folder):
    """A copy of a complete run, changed into one that was interrupted after three of four epochs."""
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(out, folder)
    record = json.loads((folder / "run.json").read_text())
    record["state"] = record["starts"][-1]["state"] = "running"
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def refuses(check, out, folder):
    resume = ["--resume", out, "--progress", "none"]
    empty = folder / "empty"  # the killed run may have left a half-written file
    empty.mkdir()
    for name, arguments, code, wanted in [
            ("more epochs", ["--epochs", 9], refusal.USAGE, "other options: --epochs: recorded 4, now 9"),
            ("two other options", ["--lr-max", 1e-3, "--seed", 7], refusal.USAGE,
             "--lr-max: recorded 0.005, now 0.001; --seed: recorded 42, now 7|--seed: .*--lr-max: "),
            ("another folder as well", ["--out", folder / "x"], refusal.USAGE, "'--out' and '--resume' exclude each other"),
    ]:
        refusal.refuses(check, name, [*resume, *arguments], code, wanted, empty)
    other = folder / "other.csv"
    other.write_text("user,item,rating\n" + "".join(f"u{number % 90},i{number % 77},{1 + number % 5}\n" for number in range(5000)))
    refusal.refuses(check, "other data", [*resume, "--data", other], refusal.DATA, "not those that the run was trained on",
                    empty)
    refusal.refuses(check, "no run", ["--resume", folder / "none"], refusal.DATA, "cannot read run folder", empty)


def resumes(check, uncut, name, out, wanted=""):
    """Resumes with a warning that contains wanted, and ends like the run without interruption."""
    run = launch.launch(["--resume", out, "--progress", "none"], cwd=out.parent, seconds=60)
    problem = f"exit code {run.code}: {run.stderr[-400:]}" if run.code else ""
    if wanted and wanted not in run.stderr:
        problem = f"does not say '{wanted}': {run.stderr[-600:]}"
    found = [problem] if problem else uncut.differences(out)
    check.that(not found, name, "; ".join(found) or wanted)


def flips(newest):
    """The changes to make: (file, byte, bit)."""
    files = {path.name: path.stat().st_size for path in sorted(newest.iterdir())}
    if not FLIPS:
        names = list(files)
        return [(names[number % len(names)], number * 7919 % files[names[number % len(names)]], number % 8)
                for number in range(12)]
    numbers = random.Random(FLIPS)
    places = [("manifest", place, place % 8) for place in range(files["manifest"])]
    parts = [name for name in files if name != "manifest"]
    for number in range(FLIPS):
        name = parts[number % len(parts)]
        places.append((name, numbers.randrange(files[name]), number % 8))
    return places[SHARE - 1::SHARES]


def damages(check, uncut, out, foreign, folder):
    """Damages the newest checkpoint in every way; the two older ones stay intact."""
    whole = checkpoints(out)
    newest, older = whole[-1].name, int(whole[-2].name[5:])
    files = [path.name for path in sorted(whole[-1].iterdir())]
    for name, place, bit in flips(whole[-1]):
        copy = as_cut(out, folder / "flipped")
        path = copy / "checkpoints" / newest / name
        data = bytearray(path.read_bytes())
        data[place] ^= 1 << bit
        path.write_bytes(data)
        resumes(check, uncut, f"'{name}' with byte {place} flipped", copy, f"checkpoint of step {older + older // 2} not used: ")
    for name in files:
        for what in ("cut short", "missing", "of another run"):
            copy = as_cut(out, folder / "damaged")
            path = copy / "checkpoints" / newest / name
            if what == "cut short":
                path.write_bytes(path.read_bytes()[:-1])
            elif what == "missing":
                path.unlink()
            else:
                shutil.copy(checkpoints(foreign)[-1] / name, path)
            said = "is not complete" if (name, what) == ("manifest", "missing") else "not used: "
            resumes(check, uncut, f"'{name}' {what}", copy, said)
    copy = as_cut(out, folder / "all")
    for path in copy.glob("checkpoints/*/rows-0"):
        path.write_bytes(b"x")
    resumes(check, uncut, "no checkpoint left", copy, "begins again with its first step")
    copy = as_cut(out, folder / "records")
    with open(copy / "steps.csv", "r+b") as file:
        file.truncate(100)
    run = launch.launch(["--resume", copy, "--progress", "none"], cwd=folder, seconds=60)
    check.that(run.code == 0 and "'steps.csv' has lost lines" in run.stderr, "a record that lost lines", run.stderr[-200:])


def main():
    check = Verdict("resume/refusals")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uncut = runs.Uncut(folder, SMALL)
        out = cut_run(folder, "cut", SMALL)
        check.equal("checkpoints of the run that was cut", len(checkpoints(out)), 3)
        foreign = cut_run(folder, "foreign", [*SMALL, "--seed", 7])
        refuses(check, out, folder)
        damages(check, uncut, out, foreign, folder)
        resumes(check, uncut, "with nothing wrong", out)
        refusal.refuses(check, "a run that is complete", ["--resume", out], refusal.USAGE, "is complete",
                        folder / "empty")
        replay = launch.launch(["replay", out], cwd=folder, seconds=60)
        check.that(replay.code == 0 and "\nsame: curve " in replay.stdout, "a resumed run replayed", replay.stdout)
    check.finish()


main()
