"""One model and one curve, however they are trained.

    one_hash.py [--full] [--times N] [--optimizer NAME]

The hash of model.safetensors and that of the losses in history.csv must be those of a plain single
process for every number of servers and workers, transport and instruction set, and when a run is repeated.
Without --full: two epochs of the built-in synthetic set, most variants once and some again. With it:
MovieLens-100k at the defaults, every variant, ten times.

The messages of every run are counted as well, from its run.json: see exchanges_allowed.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import places  # noqa: E402
import records  # noqa: E402
from verdict import Verdict  # noqa: E402

OPTIMIZERS = {
    "adam": [],
    "sgd": ["--optimizer", "sgd", "--lr-max", "0.5", "--wd", "0.01"],
    "adagrad": ["--optimizer", "adagrad", "--lr-max", "0.05"],
    "block": ["--solver", "block", "--lr-max", "0.03", "--wd", "0.1"],
    "block adagrad": ["--solver", "block", "--optimizer", "adagrad", "--lr-max", "0.05", "--wd", "0.1"],
}
# Of the block solver with the options above, the built-in set, two epochs and seed 42.
PINNED = {"block": "b634b4c665759050"}
SHAPES = [(1, 1), (1, 4), (3, 4), (4, 1), (5, 2)]
TRANSPORTS = ("ipc", "tcp", "mpi")
PROCESSOR_FLAGS = {"scalar": set(), "avx2": {"avx2"}, "avx512": {"avx512f", "avx512dq", "avx512vl"}}
READ_SAMPLES = 32768    # validation ratings per request of a worker
READ_ROWS = 4096        # rows per request of the coordinator


def exchanges_allowed(record, servers, workers):
    """The most exchanges a run may send.

    Every worker sends every server one exchange a step, push of step t and pull of t+1 together, and
    one before the first step, which only pulls; the last step's only pushes. The exchange of an epoch's last step also
    reads the rows of READ_SAMPLES validation ratings; only workers with more of them need further exchanges, so over all workers at most valid / READ_SAMPLES times an epoch. After
    every epoch the coordinator reads the tables, READ_ROWS at a time.
    """
    result, data = record["result"], record["data"]
    again = result["epochs"] * (data["valid"] // READ_SAMPLES)
    model = result["epochs"] * -(-(data["users"] + data["movies"]) // READ_ROWS)
    return servers * (workers * (result["steps"] + 1) + again + model)


def variants(full):
    """[(name, ranks, arguments)]: the first is what all others are held to."""
    found = [("one process", None, [])]
    found += [(f"one process, {s}x{w}", None, ["--servers", s, "--workers", w]) for s, w in SHAPES]
    found += [(f"one process, {isa}", None, ["--isa", isa]) for isa in PROCESSOR_FLAGS]
    found += [(f"{ranks} ranks", ranks, []) for ranks in (2, 3)]
    transports = TRANSPORTS if full else ("mpi",)
    found += [(f"{1 + s + w} ranks, {s}x{w}, {transport}", 1 + s + w,
               ["--servers", s, "--workers", w, "--transport", transport])
              for s, w in SHAPES for transport in transports]
    found += [(f"4 ranks, {transport}", 4, ["--transport", transport]) for transport in TRANSPORTS]
    found += [(f"one process, {threads} threads", None, ["--threads", threads]) for threads in (1, 2, 3, 8)]
    found += [("2 ranks, 1x1, scalar, tcp", 2, ["--isa", "scalar", "--transport", "tcp"])]
    return found


def few(chosen):
    """The most relevant ones, for optimizers that differ only within a server."""
    kept = ("one process, 3 threads", "one process", "one process, 3x4", "one process, scalar", "one process, avx2", "2 ranks", "4 ranks, ipc",
            "8 ranks, 5x2, mpi")
    return [variant for variant in chosen if variant[0] in kept]


def lacks(arguments):
    """The instruction set in arguments if the processor lacks it, else ''."""
    flags = set(Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split())
    wanted = arguments[arguments.index("--isa") + 1] if "--isa" in arguments else "scalar"
    return "" if PROCESSOR_FLAGS[wanted] <= flags else wanted


def nodes_of(record):
    """(servers, workers) of a run."""
    return record["cluster"]["servers"], record["cluster"]["workers"]


def shape_of(name, record):
    """(servers, workers) of the variant, or by the default for its ranks."""
    for servers, workers in SHAPES:
        if f"{servers}x{workers}" in name:
            return servers, workers
    return nodes_of(record)


def count_messages(check, name, record):
    """Checks that a run sends no more exchanges than promised, and that each is answered once."""
    counters, allowed = record["counters"], exchanges_allowed(record, *shape_of(name, record))
    sent, answered = counters["exchange"]["messages"], counters["rows"]["messages"]
    check.that(sent <= allowed, f"{name}: exchanges", f"{sent} of at most {allowed}")
    check.equal(f"{name}: answers", answered, sent)


def train(check, name, ranks, arguments, scratch):
    """Hashes of one run, or None."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        out = Path(folder) / "run"
        run = launch.launch(["--progress", "none", "--out", out, *arguments], ranks, seconds=120, cwd=folder)
        if run.code != 0:
            check.that(False, f"{name}: trains", f"exit code {run.code} {run.stderr[-800:]}")
            return None
        record = records.read_record(out)
        if "block" not in name:
            count_messages(check, name, record)
        hashes = records.model_hash(out), records.curve_hash(out), record["result"]["curve_sha256"]
        if record["result"]["model_sha256"] != hashes[0]:
            check.that(False, f"{name}: the hash in run.json", record["result"]["model_sha256"])
        return hashes


def sweep(check, optimizer, rounds, common, scratch):
    """Trains the variants of every round, and compares each run with the very first."""
    first = None
    for number, chosen in enumerate(rounds):
        for name, ranks, arguments in chosen:
            name = f"{optimizer}, {name}" + (f", run {number + 1}" if number else "")
            if lacks(arguments):
                check.skip(name, f"this processor has no {lacks(arguments)}")
                continue
            hashes = train(check, name, ranks, common + arguments, scratch)
            if first is None:
                first = hashes
                print(f"     {optimizer}: model {hashes[0]}, losses {hashes[1]}" if hashes else "", flush=True)
            elif hashes:
                check.that(hashes == first, f"{name}: one hash", hashes[0][:16] + " " + hashes[1][:16])
    return first


def many_validation_ratings(check, scratch):
    """More validation ratings than fit into one exchange."""
    for name, ranks, arguments in (("one process, 3x4", None, ["--servers", 3, "--workers", 4]), ("4 ranks", 4, [])):
        train(check, f"80,000 to validate, {name}", ranks,
              ["--valid-pct", "0.8", "--epochs", 2, "--batch-size", 256, *arguments], scratch)


def compare(check, title, options, chosen, scratch):
    """Trains variants [(name, ranks, arguments)], and holds them to the first."""
    first = None
    for name, ranks, arguments in chosen:
        hashes = train(check, f"{title}, {name}", ranks, [*options, *arguments], scratch)
        first = first or hashes
        check.that(hashes == first, f"{title}, {name}: one hash", hashes and hashes[0][:16])


def large_batches(check, scratch):
    """Batches whose samples and rows are divided among threads."""
    chosen = [(f"{threads} threads", None, ["--threads", threads]) for threads in (1, 2, 3, 8)] + [
        ("3x4, 2 threads", None, ["--servers", 3, "--workers", 4, "--threads", 2]), ("4 ranks, 2 threads", 4, ["--threads", 2])]
    compare(check, "batch of 4096", ["--valid-pct", "0.2", "--epochs", 2, "--batch-size", 4096], chosen, scratch)


def few_blocks(check, scratch):
    """Workers and threads without a block."""
    chosen = [("one process", None, []), ("1x4", None, ["--servers", 1, "--workers", 4]), ("3 threads", None, ["--threads", 3]),
              ("6 ranks", 6, ["--servers", 1, "--workers", 4])]
    compare(check, "block, 2 blocks", ["--solver", "block", "--blocks", 2, "--epochs", 2], chosen, scratch)


def rounds_of(arguments, optimizer):
    """The variants of every round."""
    chosen = variants(arguments.full)
    if arguments.full:
        return [chosen] * arguments.times
    return [chosen if optimizer in ("adam", "block") else few(chosen)] + [few(chosen)] * (arguments.times > 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--optimizer", choices=OPTIMIZERS)
    arguments = parser.parse_args()
    common = ["--data", places.movielens_100k()] if arguments.full else ["--epochs", 2]
    check = Verdict("mpi/one-hash")
    with tempfile.TemporaryDirectory() as scratch:
        for optimizer in [arguments.optimizer] if arguments.optimizer else OPTIMIZERS:
            batch = [] if arguments.full or "block" in optimizer else ["--batch-size", 256]
            first = sweep(check, optimizer, rounds_of(arguments, optimizer), common + batch + OPTIMIZERS[optimizer],
                          scratch)
            if first and optimizer in PINNED and not arguments.full:
                check.equal(f"{optimizer}: the hash of this state", first[0][:16], PINNED[optimizer])
        many_validation_ratings(check, scratch)
        large_batches(check, scratch)
        few_blocks(check, scratch)
    check.finish()


main()
