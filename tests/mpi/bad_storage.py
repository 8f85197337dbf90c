"""Folders that cannot be written, full disks, ports in use.

    bad_storage.py [NAME ...]

A full disk is a small tmpfs, which only root can create; otherwise those parts are skipped.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import refusal  # noqa: E402
from refusal import STORAGE, USAGE, refuses  # noqa: E402
from verdict import Verdict  # noqa: E402

SMALL = ["--factors", 8, "--epochs", 1, "--batch-size", 512, "--progress", "none"]
LARGE = ["--factors", 1024, "--epochs", 1, "--batch-size", 4096, "--progress", "none"]  # a model of 11 MB


def both(check, name, arguments, out, wanted, folder):
    for ranks in (None, 4):
        refuses(check, name, [*arguments, "--out", out, "--overwrite"], STORAGE, wanted, folder, ranks, out, cwd=folder)


def places_without_a_folder(check, folder):
    (folder / "file").write_text("mine\n")
    both(check, "a file in the way", SMALL, folder / "file", r"'.*/file'", folder)
    both(check, "a file above", SMALL, folder / "file" / "below", r"'.*/file(/below)?'", folder)
    both(check, "a place that takes no folders", SMALL, Path("/proc/collab-ps-run"), r"'/proc/collab-ps-run'", folder)
    both(check, "an endless name", SMALL, folder / ("n" * 300), r"'.*n…?'", folder)
    check.equal("the file in the way is as it was", (folder / "file").read_text(), "mine\n")


def folder_of_somebody(check, folder):
    """A folder that is not a run's is left untouched."""
    (folder / "thesis").mkdir()
    (folder / "thesis" / "chapter.txt").write_text("mine\n")
    both(check, "a folder of other files", SMALL, folder / "thesis", r"'.*/thesis'", folder)
    check.equal("the other file is as it was", [p.name for p in (folder / "thesis").iterdir()], ["chapter.txt"])


def folder_of_a_run(check, folder):
    """A run is kept unless --overwrite is given."""
    arguments = [*SMALL, "--out", folder / "run"]
    check.equal("a run: exit code", launch.launch(arguments, seconds=60).code, 0)
    record = (folder / "run" / "run.json").read_bytes()
    for ranks in (None, 4):
        refuses(check, "a folder of a run", [*arguments, "--wd", 0.2], USAGE, r"'.*/run' already holds a run", folder,
                ranks, cwd=folder)
    check.that((folder / "run" / "run.json").read_bytes() == record, "a folder of a run: it is as it was")
    check.equal("--overwrite: exit code", launch.launch([*arguments, "--wd", 0.2, "--overwrite"], seconds=60).code, 0)
    check.that((folder / "run" / "run.json").read_bytes() != record, "--overwrite: it is another run")


def folder_without_leave(check, folder):
    """Permissions do not stop root, so root runs this as another user."""
    nobody = 65534 if os.geteuid() == 0 else None
    folder.chmod(0o755)
    (folder / "locked").mkdir(mode=0o555)
    refuses(check, "a folder without leave to write", [*SMALL, "--out", folder / "locked" / "run"], STORAGE,
            r"'.*/locked/run'", folder, cwd="/", user=nobody)


def folder_in_use(check, folder):
    """Two runs cannot share a folder."""
    out, elsewhere = folder / "shared", folder / "elsewhere"
    elsewhere.mkdir()
    first = launch.start([*SMALL, "--epochs", 100000, "--out", out], cwd=folder)
    try:
        while not (out / "run.json").exists() and first.poll() is None:
            time.sleep(0.01)
        for ranks in (None, 4):
            refuses(check, "a folder in use", [*SMALL, "--out", out], STORAGE, r"'.*/shared'", elsewhere, ranks, cwd=folder)
    finally:
        first.terminate()
        launch.finish(first, 20)


@contextmanager
def small_disk(folder, size):
    """A file system of this size in bytes, or None if it cannot be created."""
    disk = folder / f"disk-{size}"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", disk], capture_output=True, check=False)
    try:
        yield disk if made.returncode == 0 else None
    finally:
        if made.returncode == 0:
            subprocess.run(["umount", disk], check=True)


def ends_with_a_frame(raw):
    """Whether TensorBoard's frames (length, checksum, data, checksum) fill all of raw."""
    place = 0
    while place < len(raw):
        place += 12 + int.from_bytes(raw[place:place + 8], "little") + 4
    return place == len(raw)


def is_whole(path):
    """Whether a record ends at the end of a line or frame; a model must not exist at all."""
    if "tfevents" in path.name:
        return ends_with_a_frame(path.read_bytes())
    return path.suffix in (".json", ".jsonl", ".csv", ".tsv") and path.read_bytes().endswith(b"\n")


def full_disk(check, folder, name, size, arguments):
    with small_disk(folder, size) as disk:
        if disk is None:
            check.skip(name, "no leave to mount a tmpfs")
            return
        both(check, name, arguments, disk / "run", r"[Nn]o space left", disk)
        halves = [path.name for path in disk.rglob("*.*") if not is_whole(path)]
        check.equal(f"{name}: what is there is whole", halves, [])


def full_disks(check, folder):
    full_disk(check, folder, "a full disk from the first byte", "4k", SMALL)
    full_disk(check, folder, "a full disk for a small model", "64k", SMALL)
    full_disk(check, folder, "a full disk for a large model", "1m", LARGE)
    full_disk(check, folder, "a full disk for step records", "512k", [*SMALL, "--log-steps", "--batch-size", 1])


def state_of_a_failed_run(check, folder):
    """run.json records that the disk became full during training."""
    with small_disk(folder, "900k") as disk:
        if disk is None:
            check.skip("the record of a full disk", "no leave to mount a tmpfs")
            return
        run = launch.launch([*SMALL, "--epochs", 20, "--log-steps", "--batch-size", 64, "--out", disk / "run"],
                            seconds=40, cwd=folder)
        state = refusal.state_of(disk / "run")
        check.equal("a disk that fills up: exit code", run.code, STORAGE)
        check.that(state is not None and state["state"].startswith("failed"), "a disk that fills up: run.json tells",
                   state and state["state"])


def port_clash(check, folder):
    """The port of rank 2 is in use."""
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        arguments = [*SMALL, "--transport", "tcp", "--port", port - 2, "--out", folder / "run"]
        refuses(check, "a port that is taken", arguments, USAGE, rf":{port}\b", folder, 4, folder / "run", cwd=folder)
        check.that(not (folder / "run").exists(), "a port that is taken: no folder of a run that never was")


def main():
    check = Verdict("mpi/bad-storage")
    for part in (places_without_a_folder, folder_of_somebody, folder_of_a_run, folder_without_leave, folder_in_use,
                 full_disks, state_of_a_failed_run, port_clash):
        if not sys.argv[1:] or part.__name__ in sys.argv[1:]:
            with tempfile.TemporaryDirectory() as folder:
                part(check, Path(folder))
    check.finish()


main()
