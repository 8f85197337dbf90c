"""A disk that is slower than the peer timeout: the run succeeds, and no peer is lost.

    slow_disk.py FAULTS [FSYNC_MS PEER_TIMEOUT]
"""

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import records  # noqa: E402
import refusal  # noqa: E402
from verdict import Verdict  # noqa: E402

SMALL = ["--factors", 8, "--epochs", 2, "--batch-size", 512, "--progress", "none", "--log-steps"]

# All of them if the times are given, else one.
SHAPES = [(4, "tcp"), (4, "mpi"), (None, "auto")][:3 if sys.argv[2:] else 1]


def train(folder, faults, fsync_ms, timeout, ranks, transport):
    out = folder / f"{ranks}-{transport}"
    with_faults = {"LD_PRELOAD": faults, "FAULT_FSYNC_MS": str(fsync_ms)}
    os.environ.update(with_faults)
    try:
        run = launch.launch([*SMALL, "--out", out, "--peer-timeout", timeout, "--transport", transport], ranks,
                            20 + fsync_ms / 1000 * 12, cwd=folder)
    finally:
        for name in with_faults:
            del os.environ[name]
    return out, run


def main():
    faults = sys.argv[1]
    fsync_ms, timeout = (int(sys.argv[2]), float(sys.argv[3])) if sys.argv[3:] else (700, 0.6)
    check = Verdict("fault/slow-disk")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = launch.launch([*SMALL, "--out", folder / "plain"], cwd=folder)
        check.equal("a quick disk", plain.code, 0)
        want = records.model_hash(folder / "plain")
        for ranks, transport in SHAPES:
            out, run = train(folder, faults, fsync_ms, timeout, ranks, transport)
            shape = f"{ranks or 1} ranks, {transport}, fsync {fsync_ms} ms, peer timeout {timeout:g} s"
            check.that(run.code == 0, shape, f"exit code {run.code} after {run.seconds:.1f} s {run.stderr[-300:] if run.code else ''}")
            if run.code == 0:
                check.equal(f"{shape}: model", records.model_hash(out), want)
                check.equal(f"{shape}: state", refusal.state_of(out)["state"], "done")
                check.equal(f"{shape}: half written", refusal.half_written(out), [])
    check.finish()


main()
