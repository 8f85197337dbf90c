"""The origin of a run in run.json, and how 'collab-ps replay' uses it.

Every file that a run reads is recorded with size and SHA-256. replay finds these files from any folder, refuses those that
have changed, and accepts replacements on the command line. It leaves nothing behind, and does not mention its temporary
folder.
"""

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import records  # noqa: E402
import refusal  # noqa: E402
from arrays import numpy  # noqa: E402
from verdict import Verdict  # noqa: E402

SECONDS = 60
NOBODY = 65534
SMALL = ["--factors", "4", "--epochs", "2", "--batch-size", "64", "--y-range", "0,5.5", "--progress", "none"]
SAME = r"^same: curve [0-9a-f]{64} \([\d,]+ steps, 2 epochs\)$"


def trained(check, name, arguments, cwd):
    run = launch.launch([*SMALL, *arguments], None, SECONDS, cwd)
    return check.that(run.code == 0, f"{name}: trains", run.stderr[-300:] if run.code else "")


def replays(check, name, arguments, code, wanted, ranks=None, cwd=None, user=None):
    """Replays a run; the output must match wanted. Returns the finished process."""
    run = launch.launch(["replay", *arguments, "--progress", "none"], ranks, SECONDS, cwd, user)
    spoken = run.stdout.splitlines()[-1:] or [run.stderr[-300:]]
    check.that(run.code == code and re.search(wanted, run.stdout, re.MULTILINE),
               name if ranks is None else f"{name}, {ranks} ranks",
               spoken[0] if run.code == code else f"exit code {run.code}, not {code}: {run.stderr[-400:]}")
    return run


def make_inputs(place):
    """Writes ratings in two files, initial values, a batch order, and a folder in a MovieLens layout."""
    lines = [f"{user},{item},{1 + user * item % 5}" for user in range(1, 41) for item in range(1, 31)]
    (place / "train.csv").write_text("\n".join(lines) + "\n")
    (place / "valid.csv").write_text("\n".join(lines[::7]) + "\n")
    epoch = numpy.arange(len(lines) // 64 * 64, dtype=numpy.int32).reshape(-1, 64)
    numpy.save(place / "order.npy", numpy.concatenate([epoch, epoch[::-1]]))
    launch.launch(["synth", "--users", 40, "--items", 30, "--ratings", 900, "--out", place / "folder"], None, SECONDS)
    launch.launch([*SMALL, "--seed", 9, "--train", "train.csv", "--valid", "valid.csv", "--out", "start"], None, SECONDS, place)
    (place / "start" / "model.safetensors").rename(place / "start.safetensors")


def make_forms(place):
    """{file: options to read it}: files whose hash is not that of their text, and one that is hashed while it is parsed."""
    (place / "large.csv").write_text("user,item,rating\n" + "".join(
        f"{user}000,{item}000,{1 + user * item % 5}\n" for user in range(1, 301) for item in range(1, 301)))
    (place / "packed.csv.gz").write_bytes(gzip.compress((place / "train.csv").read_bytes()))
    (place / "latin.csv").write_bytes((place / "train.csv").read_bytes().replace(b"3,", b"\xe9,"))
    launch.launch(["prepare", "--data", "train.csv", "--out", "train.set"], None, SECONDS, place)
    return {"large.csv": [], "packed.csv.gz": [], "latin.csv": ["--encoding", "latin1"], "train.set": []}


SPLIT = ["--train", "train.csv", "--valid", "valid.csv", "--init", "start.safetensors", "--batch-order", "order.npy",
         "--epochs", "2", "--log-steps"]
SPLIT_FILES = [("train", "train.csv"), ("valid", "valid.csv"), ("init", "start.safetensors"), ("batch-order", "order.npy")]
FOLDER = ["--data", "folder", "--log-steps"]
FOLDER_FILES = [("data", "folder/ratings.csv"), ("data", "folder/movies.csv")]


# ---- the record ----

def check_inputs_of(check, name, place, run, files):
    recorded = records.read_record(place / run)["inputs"]
    want = [{"option": option, "path": path, "bytes": (place / path).stat().st_size, "sha256": records.sha256(place / path)}
            for option, path in files]
    check.equal(f"{name}: its input files", recorded, want)


def check_records(check, place):
    """Files, command, program, machine and versions."""
    if trained(check, "split, start and order", [*SPLIT, "--out", "split"], place):
        check_inputs_of(check, "split, start and order", place, "split", SPLIT_FILES)
    if trained(check, "a folder", [*FOLDER, "--out", "data-run"], place):
        check_inputs_of(check, "a folder", place, "data-run", FOLDER_FILES)
    if trained(check, "a folder by ids", [*FOLDER, "--item-key", "id", "--out", "id-run"], place):
        check_inputs_of(check, "a folder by ids", place, "id-run", FOLDER_FILES[:1])
    forms = make_forms(place)
    for name, options in forms.items():
        if trained(check, name, ["--data", name, *options, "--out", f"{name}-run"], place):
            check_inputs_of(check, name, place, f"{name}-run", [("data", name)])
    if trained(check, "a set of its own", ["--out", "synthetic", "--log-steps"], place):
        check_inputs_of(check, "a set of its own", place, "synthetic", [])
    record = records.read_record(place / "split")
    check.equal("the command line", record["command"]["arguments"][1:], [*SMALL, *SPLIT, "--out", "split"])
    check.equal("the folder it was given in", record["command"]["folder"], str(place.resolve()))
    check.equal("the machine's cores", record["machine"]["cores"], os.cpu_count())
    check.equal("the machine's name", record["machine"]["host"], os.uname().nodename)
    unknown = [key for key in ("system", "memory_bytes") if not record["machine"][key]]
    unknown += [key for key in ("compiler", "type") if not record["build"][key]]
    unknown += [key for key in ("collab-ps", "MPI", "ZeroMQ", "protobuf-c", "jansson", "OpenSSL", "glibc")
                if not re.match(r"[\w. ]*\d", record["versions"].get(key) or "")]
    check.equal("what the record does not know", unknown, [])


def check_found_data(check, place):
    """Ratings that no option named: the record has their path, and a replay uses the same ones."""
    home, bare = place / "home", place / "bare"
    bare.mkdir()
    shutil.copytree(place / "folder", home / "data" / "ml-100k")
    if trained(check, "ratings that were found", ["--log-steps", "--out", "found"], home):
        entry = records.read_record(home / "found")["options"]["data"]
        check.equal("the ratings that were found", entry, {"value": "data/ml-100k", "source": "default", "decides_curve": True})
        replays(check, "ratings that were found, from another folder", [home / "found"], 0, SAME, cwd=bare)
        replays(check, "ratings that were found, from another folder", [home / "found"], 0, SAME, ranks=2, cwd=bare)
    replays(check, "a set of its own, where others could be found", [place / "synthetic"], 0, SAME, cwd=home)


def check_first_records(check, place):
    """An early record, without files, command, program and machine."""
    old = place / "old"
    shutil.copytree(place / "data-run", old)
    record = records.read_record(old)
    for key in ("inputs", "command", "machine", "build", "format"):
        del record[key]
    (old / "run.json").write_text(json.dumps(record))
    replays(check, "a record of before", ["old"], 0, SAME, cwd=place)
    record["versions"]["collab-ps"] = "9.9.9"
    (old / "run.json").write_text(json.dumps(record))
    replays(check, "of another version", ["old"], 0, SAME, cwd=place)
    replays(check, "of another version, wd", ["old", "--wd", "0.2"], 1,
            r"differs: (?s:.*)\n  --wd: (?s:.*)recorded by collab-ps 9\.9\.9, this is ", cwd=place)


# ---- the files ----

def alter(path):
    """Changes the last digit of a file, keeping its size; a second call restores it."""
    blob = bytearray(path.read_bytes())
    blob[-4 if path.suffix == ".npy" else -2] ^= 1
    path.write_bytes(blob)


def check_file(check, place, run, option, path):
    """An input file of run is changed, removed, and replaced on the command line."""
    file, kept = place / path, place / "kept"
    shutil.copy(file, kept)
    was, name = records.sha256(file)[:16], f"{option} {path}"
    alter(file)
    now = records.sha256(file)[:16]
    wanted = rf"'[^']*{re.escape(path)}' is not the file that the recorded '--{option}' named: .*{was}.*{now}"
    refusal.refuses(check, f"{name}, altered", ["replay", run], refusal.DATA, wanted, place, cwd=place)
    given = "folder" if option == "data" else path
    ended = launch.launch(["replay", run, f"--{option}", given, "--progress", "none"], None, SECONDS, place)
    told = f"  --{option}: recorded a file of sha256 {was}…, now {now}…\n" in ended.stdout
    check.that(ended.code == 0 or (ended.code == 1 and told), f"{name}, altered and given",
               (ended.stdout.splitlines() or [ended.stderr])[-1])
    file.unlink()
    refusal.refuses(check, f"{name}, gone", ["replay", run], refusal.DATA, re.escape(Path(path).name if option != "data" else "folder"),
                    place, cwd=place)
    shutil.move(kept, file)


def check_files(check, place):
    for option, path in SPLIT_FILES:
        check_file(check, place, "split", option, path)
    for option, path in FOLDER_FILES:
        check_file(check, place, "data-run", option, path)
    replays(check, "all as it was", ["split"], 0, SAME, cwd=place)
    alter(place / "start.safetensors")
    refusal.refuses(check, "init, altered", ["replay", "split"], refusal.DATA, "is not the file that", place, ranks=3, cwd=place)
    alter(place / "start.safetensors")


def check_places(check, place):
    """The same run by other paths, from other folders, and from a folder without write permission."""
    elsewhere, link = place / "elsewhere", place / "link"
    elsewhere.mkdir()
    link.symlink_to("split")
    for name, run, cwd in (("a trailing slash", "split/", place), ("a link", "link", place), ("its folder", ".", place / "split"),
                           ("from above", f"{place.name}/split", place.parent), ("from elsewhere", "../split", elsewhere)):
        replays(check, name, [run], 0, SAME, cwd=cwd)
    replays(check, "from elsewhere", [place / "split"], 0, SAME, ranks=3, cwd=elsewhere)
    refusal.refuses(check, "--out on the link of the run", ["replay", "link", "--out", "link"], refusal.USAGE,
                    "is the recorded run itself", elsewhere, cwd=place)
    moved = place / "moved"
    shutil.copytree(place / "split", moved / "run")
    record = records.read_record(moved / "run")
    record["command"]["folder"] = "/no/such/folder"
    (moved / "run" / "run.json").write_text(json.dumps(record))
    replays(check, "of a folder that is not here", [moved / "run"], 0, SAME, cwd=place)
    ended = refusal.refuses(check, "of a folder that is not here, from elsewhere", ["replay", moved / "run"], refusal.DATA,
                            "cannot read 'train.csv', the recorded '--train'", elsewhere, cwd=elsewhere)
    check.that("started in '/no/such/folder'" in ended.stderr, "the folder is named", ended.hints()[:1])


def check_read_only(check, place):
    """A run of another user: it is only read."""
    run = place / "split"
    before = {path.name: path.stat().st_mtime_ns for path in run.iterdir()}
    run.chmod(0o555)
    place.chmod(0o755)
    replays(check, "a read-only folder", [run], 0, SAME, cwd=place, user=NOBODY if os.geteuid() == 0 else None)
    run.chmod(0o755)
    check.equal("a read-only folder: untouched", {path.name: path.stat().st_mtime_ns for path in run.iterdir()}, before)


def check_ranks(check, place):
    """Ranks that start in different folders, with different --init files of the same name."""
    other = place / "other"
    other.mkdir()
    for _, path in SPLIT_FILES:
        shutil.copy(place / path, other)
    alter(other / "start.safetensors")
    arguments = [*SMALL, *SPLIT, "--out", "ranks-run"]
    command = ["mpirun", "-n", "1", "--wdir", str(place), *launch.command_line(arguments),
               ":", "-n", "2", "--wdir", str(other), *launch.command_line(arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=launch.environment(3), check=False)
    check.equal("ranks with another start: exit code", ended.returncode, refusal.DATA)
    errors = re.findall(r"error: (rank 1 on '.*' reads another file of '--init' or '--batch-order' than rank 0)", ended.stderr)
    check.equal("ranks with another start: one line", len(errors), 1)


# ---- leftovers and messages ----

def check_scratch(check, place):
    """The temporary folder is neither mentioned nor left behind, however the replay ends."""
    scratch = place / "tmp"
    scratch.mkdir()
    os.environ["TMPDIR"] = str(scratch)
    run = launch.launch(["replay", "split", "--progress", "none"], None, SECONDS, place)
    said = (run.stdout + run.stderr).splitlines()
    check.equal("no path of what is gone", [line for line in said if str(scratch) in line], [])
    check.equal("nor a line without one", [line for line in said if re.match(r"(model|  run) *$", line)], [])
    check.equal("nothing is left", list(scratch.iterdir()), [])
    kept = launch.launch(["replay", "split", "--out", "again", "--progress", "none"], None, SECONDS, place)
    check.that("\nmodel         again/model.safetensors\n" in kept.stdout and "\n  run     again\n" in kept.stderr,
               "with --out folder and model are named", "")
    for number, name in ((signal.SIGTERM, "terminated"), (signal.SIGINT, "interrupted")):
        process = launch.start(["replay", "data-run", "--epochs", "1000000", "--progress", "none"], cwd=place)
        deadline = time.monotonic() + SECONDS
        while process.poll() is None and time.monotonic() < deadline and not list(scratch.glob("*/history.csv")):
            time.sleep(0.02)
        process.send_signal(number)
        ended = launch.finish(process, SECONDS)
        check.equal(f"{name}: exit code", ended.code, refusal.INTERRUPTED)
        check.equal(f"{name}: nothing is left", list(scratch.iterdir()), [])
    os.environ["TMPDIR"] = str(place / "absent")
    refusal.refuses(check, "nowhere to train", ["replay", "split"], refusal.STORAGE, "cannot make a temporary folder",
                    place, cwd=place)
    del os.environ["TMPDIR"]


def main():
    check = Verdict("golden/replay_inputs")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name).resolve() / "work"
        place.mkdir()
        Path(name).chmod(0o755)
        make_inputs(place)
        for part in (check_records, check_found_data, check_first_records, check_files, check_places, check_read_only,
                     check_ranks, check_scratch):
            part(check, place)
    check.finish()


main()
