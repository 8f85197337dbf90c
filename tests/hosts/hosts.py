"""Three hosts on a network of their own: the same bits, whatever the links do, and nothing to be read or left behind.

    hosts.py [--full]

Eight ranks over three hosts of bed.py train to the hash of one process: over a plain link, with delay, loss and a low rate,
and while a host is cut off for less than --peer-timeout. What crosses the network holds no run id and no row in the clear
unless --encrypt off is said. A host that stays cut off is named, and the run's record tells of it. --full tries all links
at two batch sizes and prints a table of epoch times.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import bed as beds
from bed import Bed, launch, places

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import records  # noqa: E402
from verdict import Verdict  # noqa: E402

RANKS = 8
LINKS = {"plain": {}, "1 ms": {"delay_ms": 1}, "1 ms, 1 % loss": {"delay_ms": 1, "loss": 0.01},
         "100 Mbit/s": {"rate_mbit": 100}}
MORE = {"10 ms": {"delay_ms": 10}, "10 ms, 1 % loss": {"delay_ms": 10, "loss": 0.01}, "0.1 ms": {"delay_ms": 0.1},
        "1 ms, 1 ms jitter": {"delay_ms": 1, "jitter_ms": 1}}


def training(data, batch, epochs):
    return ["--data", data, "--epochs", str(epochs), "--batch-size", str(batch), "--factors", "16", "--progress", "none"]


def one_process(folder, data, batch, epochs):
    run = launch.launch([*training(data, batch, epochs), "--out", folder], None, 120)
    assert run.code == 0, run.stderr
    return records.model_hash(folder)


def check_link(check, name, shape, data, batch, want):
    with Bed(3, **shape) as bed:
        run = bed.mpirun([*training(data, batch, 1), "--out", bed.private / "run"], RANKS, 300)
        folder = bed.files_of(0) / "run"
        same = run.code == 0 and records.model_hash(folder) == want
        seconds = records.read_record(folder)["timings_s"]["train"] if same else float("nan")
        check.that(same, f"{name}, batch {batch}: the hash of one process", f"{seconds:.2f} s" if same else run.stderr[-500:])
        check.equal(f"{name}: left on the hosts", bed.left(), {})
    return seconds


def in_the_clear(capture, folder):
    """What of a run can be read in a capture: names of what was found."""
    raw = capture.read_bytes()
    run_id = bytes.fromhex(records.read_record(folder)["run_id"])
    model = (folder / "model.safetensors").read_bytes()
    data = model[8 + int.from_bytes(model[:8], "little"):]
    rows = sum(data[at:at + 16] in raw for at in range(0, 64 * 200, 64))
    return (["run id"] if run_id in raw or run_id[::-1] in raw else []) + (["rows"] if rows else []), len(raw)


def check_capture(check, data, want):
    for arguments, expected in (([], []), (["--encrypt", "off"], ["run id", "rows"])):
        with tempfile.TemporaryDirectory() as scratch:
            capture = Path(scratch) / "capture"
            with Bed(3, capture=capture) as bed:
                run = bed.mpirun([*training(data, 1024, 1), *arguments, "--out", bed.private / "run"], RANKS)
                folder = Path(scratch) / "run"
                (bed.files_of(0) / "run").rename(folder)
            found, size = in_the_clear(capture, folder)
            words = " ".join(arguments) or "by default"
            if arguments:
                check.that("rows" in found, f"{words}: a capture of {size:,} bytes shows rows, so the search can find them")
                check.that("can read" in run.stderr, f"{words}: is warned of")
            else:
                check.equal(f"{words}: in the clear in a capture of {size:,} bytes", found, expected)
            check.that(records.model_hash(folder) == want, f"{words}: the hash of one process")


def check_short_cut(check, data):
    with tempfile.TemporaryDirectory() as scratch:
        want = one_process(Path(scratch) / "one", data, 256, 30)
    with Bed(3) as bed:
        process = bed.start([*training(data, 256, 30), "--peer-timeout", "30", "--out", bed.private / "run"], RANKS)
        wait_for_epoch(bed, process)
        bed.cut(2)
        time.sleep(2)
        bed.mend(2)
        run = launch.finish(process, 120)
        same = run.code == 0 and records.model_hash(bed.files_of(0) / "run") == want
        check.that(same, "a host cut off for 2 s: the hash of one process", run.stderr[-500:] if not same else "")


def wait_for_epoch(bed, process):
    """Until the first epoch is in the record."""
    history = bed.files_of(0) / "run" / "history.csv"
    for _ in range(600):
        if process.poll() is not None or (history.exists() and len(history.read_text().splitlines()) > 1):
            return
        time.sleep(0.1)


def check_long_cut(check, data):
    with Bed(3) as bed:
        process = bed.start([*training(data, 256, 3000), "--peer-timeout", "3", "--out", bed.private / "run"], RANKS)
        wait_for_epoch(bed, process)
        bed.cut(2)
        record = bed.files_of(0) / "run" / "run.json"
        for _ in range(300):
            state = json.loads(record.read_text())["state"]
            if state != "running":
                break
            time.sleep(0.1)
        check.that("h2" in state and "failed" in state, "a host cut off for good: the record names it", state)
        run = launch.finish(process, 20)
        named = [line for line in run.stderr.splitlines() if "error:" in line and "'h2'" in line]
        check.that(len(named) >= 1, "a host cut off for good: who is left names it", run.stderr[-400:])


def table(check, data):
    rows = []
    for batch in (64, 16384):
        with tempfile.TemporaryDirectory() as scratch:
            want = one_process(Path(scratch) / "one", data, batch, 1)
        for name, shape in {**LINKS, **MORE}.items():
            rows.append((name, batch, check_link(check, name, shape, data, batch, want)))
    print("\nlink                 batch  s/epoch")
    for name, batch, seconds in rows:
        print(f"{name:20} {batch:5}  {seconds:7.2f}")


def main():
    beds.skip_unless_possible("hosts")
    check = Verdict("hosts")
    data = places.movielens_100k()
    if "--full" in sys.argv:
        table(check, data)
        check.finish()
    with tempfile.TemporaryDirectory() as scratch:
        want = one_process(Path(scratch) / "one", data, 1024, 1)
    for name, shape in LINKS.items():
        check_link(check, name, shape, data, 1024, want)
    check_capture(check, data, want)
    check_short_cut(check, data)
    check_long_cut(check, data)
    check.finish()


main()
