"""Three hosts on a private network: the same bits whatever the links do, no data in the clear, nothing left behind.

    hosts.py [--full | --table [ROW...]]

Eight ranks on three hosts of bed.py must reach the hash of one process: over links with delay and loss, while hostile
clients send noise, replay a captured session and connect by the hundred, and while a host is disconnected for less than
--peer-timeout. The traffic must contain no run id and no row in the clear. If a host stays disconnected, it must be named,
the exit code must be 4, and nothing may be left. --full tries networks of all kinds and more hostile clients, --table
prints epoch times.
"""

import re
import struct
import subprocess
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
PORT = 23000
STRANGERS = Path(__file__).resolve().parents[1] / "tools" / "strangers.py"


def training(data, batch, epochs):
    return ["--data", data, "--epochs", str(epochs), "--batch-size", str(batch), "--factors", "16", "--progress", "none"]


def one_process(data, batch, epochs):
    """The hash of one process, which all others must have."""
    with tempfile.TemporaryDirectory() as scratch:
        run = launch.launch([*training(data, batch, epochs), "--out", Path(scratch) / "one"], None, 120)
        assert run.code == 0, run.stderr
        return records.model_hash(Path(scratch) / "one")


def wait_for_epoch(bed, process, name="run"):
    """Waits until the first epoch is in the record."""
    history = bed.files_of(0) / name / "history.csv"
    for _ in range(600):
        if process.poll() is not None or (history.exists() and len(history.read_text().splitlines()) > 1):
            return
        time.sleep(0.05)


def same_hash(run, folder, want):
    return run.code == 0 and records.model_hash(folder) == want


# ---- traffic ----

def in_the_clear(raw, folder):
    """Searches a capture for data of a run; names of what was found."""
    run_id = bytes.fromhex(records.read_record(folder)["run_id"])
    model = (folder / "model.safetensors").read_bytes()
    data = model[8 + int.from_bytes(model[:8], "little"):]
    rows = sum(data[at:at + 16] in raw for at in range(0, 64 * 200, 64 * 10))
    return (["run id"] if run_id in raw or run_id[::-1] in raw else []) + (["rows"] if rows else [])


def segments(raw, port):
    """{source port: {sequence number: payload}} of the traffic to a TCP port, from concatenated frames."""
    found, at = {}, 0
    while at + 54 <= len(raw):
        kind = raw[at + 12:at + 14]
        if kind != b"\x08\x00":
            at += 14 + (28 if kind == b"\x08\x06" else 40 + struct.unpack(">H", raw[at + 18:at + 20])[0])
            continue
        size = struct.unpack(">H", raw[at + 16:at + 18])[0]
        tcp = at + 14 + 4 * (raw[at + 14] & 15)
        source, target, sequence = struct.unpack(">HHI", raw[tcp:tcp + 8])
        payload = raw[tcp + 4 * (raw[tcp + 12] >> 4):at + 14 + size]
        if raw[at + 23] == 6 and target == port and payload:
            found.setdefault(source, {})[sequence] = payload
        at += 14 + size
    return found


def session(raw, port):
    """The data that the first client of a port sent, in order."""
    parts = next(iter(segments(raw, port).values()), {})
    said, due = b"", min(parts, default=0)
    while due in parts:
        said += parts[due]
        due += len(parts.pop(due))
    return said


def attack(bed, folder, raw, fuzz, half_open):
    """Hostile clients on the third host connect to the first rank; returns their output."""
    captured = folder / "session"
    captured.write_bytes(session(raw, PORT))
    done = subprocess.run([*bed.hosts[2].enter(), sys.executable, STRANGERS, bed.address(0), str(PORT), "--fuzz", str(fuzz),
                           "--half-open", str(half_open), "--replay", str(captured)],
                          capture_output=True, text=True, timeout=300, check=False)
    return done.stdout.strip() or done.stderr, captured.stat().st_size


def check_strangers(check, data, fuzz=1000, half_open=250, epochs=5, loss=0.0):
    links, batch = {"delay_ms": 3, "loss": loss}, 256
    want = one_process(data, batch, epochs)
    with tempfile.TemporaryDirectory() as scratch:
        capture, folder = Path(scratch) / "capture", Path(scratch) / "run"
        with Bed(3, capture=capture, **links) as bed:
            process = bed.start([*training(data, batch, epochs), "--port", PORT, "--out", bed.private / "run"], RANKS)
            wait_for_epoch(bed, process)
            heard, size = attack(bed, Path(scratch), capture.read_bytes(), fuzz, half_open)
            early = process.poll() is not None
            run = launch.finish(process, 300)
            check.that(same_hash(run, bed.files_of(0) / "run", want), f"{links}, among strangers: the hash of one process",
                       run.stderr[-600:] if run.code else heard)
            check.that(size > 300 and not early, f"a session of {size:,} bytes was replayed while the run went on")
            answers = re.search(r"longest answer (\d+)", heard)
            check.that(bool(answers) and int(answers.group(1)) < 512, "strangers hear greetings alone", heard)
            check.equal("left on the hosts", bed.left(), {})
            (bed.files_of(0) / "run").rename(folder)
        record = records.read_record(folder)
        strangers, ranks = record["cluster"]["strangers"], record["cluster"]["ranks"]
        check.that(strangers["connections"] >= half_open and strangers["messages"] == 0, "run.json counts them", strangers)
        check.that(strangers["crowded_out"] >= half_open - 130, "half-open connections are bounded")
        check.at_most("MiB of memory of any rank", max(rank["peak_memory_bytes"] for rank in ranks) / 2**20, 100)
        check.that(record["cluster"]["between_hosts"]["bytes"] > 0 and record["cluster"]["encrypted"] is True,
                   "run.json tells of what went between hosts", record["cluster"]["between_hosts"])
        raw = capture.read_bytes()
        check.equal(f"in the clear in a capture of {len(raw):,} bytes", in_the_clear(raw, folder), [])


def check_not_encrypted(check, data):
    """Checks with unencrypted traffic that the search finds data in the clear."""
    with tempfile.TemporaryDirectory() as scratch:
        capture = Path(scratch) / "capture"
        with Bed(3, capture=capture) as bed:
            run = bed.mpirun([*training(data, 4096, 1), "--encrypt", "off", "--out", bed.private / "run"], RANKS)
            (bed.files_of(0) / "run").rename(Path(scratch) / "run")
        check.that("rows" in in_the_clear(capture.read_bytes(), Path(scratch) / "run"), "--encrypt off: a capture shows rows")
        check.that("can read" in run.stderr and "not encrypted" in run.stdout + run.stderr, "--encrypt off: is warned of")


# ---- disconnected hosts ----

def check_short_cut(check, data, bed):
    want = one_process(data, 2048, 8)
    process = bed.start([*training(data, 2048, 8), "--out", bed.private / "short"], RANKS, launch.OURS)
    wait_for_epoch(bed, process, "short")
    bed.cut(2)
    time.sleep(1.5)
    bed.mend(2)
    run = launch.finish(process, 120)
    check.that(same_hash(run, bed.files_of(0) / "short", want), "a host cut off for 1.5 s: the hash of one process", run.stderr[-500:] if run.code else "")


def check_long_cut(check, data, bed, victim=2):
    name = f"long{victim}"
    process = bed.start([*training(data, 256, 3000), "--peer-timeout", "2", "--out", bed.private / name], RANKS, launch.OURS)
    wait_for_epoch(bed, process, name)
    bed.cut(victim)
    began = time.monotonic()
    run = launch.finish(process, 60)
    took, left = time.monotonic() - began, bed.wait_until_empty(3)
    check.equal(f"h{victim} cut off for good: exit code", run.code, 4)
    check.at_most(f"h{victim} cut off for good: seconds until mpirun is gone", took, 17)
    check.that(left is not None, f"h{victim} cut off for good: nothing is left on any host", bed.left())
    named = [line for line in run.errors() if re.search(r"'h\d'", line)]
    check.that(len(named) >= 1 and (victim == 0 or all(f"'h{victim}'" in line for line in named)),
               f"h{victim} cut off for good: who is left names it", named[:1] or run.stderr[-400:])
    record = records.read_record(bed.files_of(0) / name)
    check.that("failed" in record["state"] and record["exit_code"] == 4, f"h{victim} cut off for good: run.json tells of it", record["state"])
    bed.mend(victim)


# ---- networks of other kinds ----

def check_networks(check, data, bed):
    want = one_process(data, 8192, 1)
    for i, host in enumerate(bed.hosts):
        host.call("ip", "link", "add", "docker0", "type", "bridge")
        host.call("ip", "address", "add", "172.17.0.1/16", "dev", "docker0")
        host.call("ip", "link", "set", "docker0", "up")
        host.call("ip", "-6", "address", "add", f"fd77::{i + 1}/64", "dev", "eth0", "nodad")

    def train(name, *more):
        run = bed.mpirun([*training(data, 8192, 1), *more, "--out", bed.private / name], RANKS)
        return run, same_hash(run, bed.files_of(0) / name, want)

    run, same = train("docker")
    check.that(same and "tcp in 10.77.0.0/24" in run.stdout + run.stderr, "a bridge of containers on every host is not taken for a network", run.stderr[-400:])
    run, same = train("six", "--interface", "fd77::/64")
    check.that(same and "fd77::/64" in run.stdout + run.stderr, "IPv6", run.stderr[-400:])
    run, same = train("wrong", "--interface", "172.18.0.0/16")
    check.that(run.code == 2 and "no interface of 'h0'" in run.stderr, "a network that is not there is named, with the host", run.errors())
    run, same = train("mpi", "--transport", "mpi")
    check.that(same and "'--transport mpi': anyone on the network between the hosts can read" in run.stderr, "rows over MPI between hosts: the hash, and a warning", run.stderr[-400:])
    run, same = train("mpi-secret", "--transport", "mpi", "--encrypt", "on")
    check.that(run.code == 2 and "'--encrypt on' cannot be kept with '--transport mpi'" in run.stderr, "rows over MPI that shall be encrypted: refused", run.errors())
    bed.hosts[0].call("nft", "add table ip wall; add chain ip wall in { type filter hook input priority 0 ; }; "
                      f"add rule ip wall in ip saddr {bed.address(2)} tcp dport 5000-5010 drop")
    run, same = train("blocked", "--port", 5000, "--peer-timeout", 4)
    check.that(run.code == 4 and "on 'h2' cannot reach rank 0 on 'h0' at tcp://10.77.0.1:5000" in run.stderr, "a blocked port: who cannot reach whom, and where", run.errors() or run.stderr[-300:])


LINKS = {"plain": {}, "0.1 ms": {"delay_ms": 0.1}, "1 ms": {"delay_ms": 1}, "10 ms": {"delay_ms": 10}, "1 ms, 1 % loss": {"delay_ms": 1, "loss": 0.01},
         "1 ms, 1 ms jitter": {"delay_ms": 1, "jitter_ms": 1}, "100 Mbit/s": {"rate_mbit": 100}}


def check_links(check, data):
    for batch in (64, 16384):
        want = one_process(data, batch, 1)
        for name, shape in LINKS.items():
            with Bed(3, **shape) as bed:
                run = bed.mpirun([*training(data, batch, 1), "--out", bed.private / "run"], RANKS, 300)
                check.that(same_hash(run, bed.files_of(0) / "run", want), f"{name}, batch {batch}: the hash of one process", run.stderr[-500:] if run.code else "")
                check.equal(f"{name}: left on the hosts", bed.left(), {})


# ---- speed ----

def epoch_seconds(bed, data, batch, *more):
    run = bed.mpirun([*training(data, batch, 1), "--overwrite", *more, "--out", bed.private / "run"], RANKS, 170)
    if run.code != 0:
        return float("nan")
    return records.read_record(bed.files_of(0) / "run")["timings_s"]["train"]


def table(data, rows):
    batches = (64, 256, 1024, 4096, 16384)
    print("| delay | " + " | ".join(f"batch {batch}" for batch in batches) + " |")
    for name in [row for row in rows if row in LINKS]:
        with Bed(3, **LINKS[name]) as bed:
            seconds = [epoch_seconds(bed, data, batch) for batch in batches]
        print(f"| {name} | " + " | ".join(f"{second:.2f}" for second in seconds) + " |", flush=True)
    with Bed(3) as bed:
        for batch in (64, 8192) if "encryption" in rows else ():
            pairs = [(epoch_seconds(bed, data, batch), epoch_seconds(bed, data, batch, "--encrypt", "off")) for _ in range(3)]
            print(f"encrypted to not, batch {batch}: {min(p[0] for p in pairs) / min(p[1] for p in pairs):.2f}", flush=True)


def main():
    beds.skip_unless_possible("hosts")
    check = Verdict("hosts")
    data = places.movielens_100k()
    if "--table" in sys.argv:
        table(data, sys.argv[sys.argv.index("--table") + 1:] or ["plain", "0.1 ms", "1 ms", "10 ms", "encryption"])
        return
    check_strangers(check, data)
    with Bed(3) as bed:
        check_short_cut(check, data, bed)
        check_long_cut(check, data, bed)
    if "--full" in sys.argv:
        check_not_encrypted(check, data)
        with Bed(3) as bed:
            check_networks(check, data, bed)
        with Bed(3) as bed:
            check_long_cut(check, data, bed, 0)
        check_strangers(check, data, 100000, 2000, 100)
        check_links(check, data)
    check.finish()


main()
