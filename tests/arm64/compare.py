"""Compares the results of a cross-built arm64 program under qemu with those of the native program.

    compare.py PROGRAM ARM64_PROGRAM SYSROOT

Checks the pinned hashes for one process and for jobs on emulated arm64, and those of a job in which half of the ranks are
native and half emulated.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import records  # noqa: E402
from verdict import Verdict  # noqa: E402

PINNED = Path(__file__).resolve().parents[1] / "golden" / "pinned.py"
OPTIONS = ["--epochs", "2", "--batch-size", "256", "--progress", "none"]
# Other processes cannot read the memory of an emulated one, and it cannot wait for their clocks.
MPI = ["--bind-to", "none", "--mca", "btl_vader_single_copy_mechanism", "none", "--mca", "mpi_yield_when_idle", "1"]


def write_emulated(folder, program, sysroot):
    """Writes a script that runs the arm64 program under qemu; returns its path."""
    path = Path(folder) / "collab-ps-arm64"
    command = shlex.join(["qemu-aarch64-static", "-L", sysroot, program])
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(0o755)
    return str(path)


def hashes_of(check, name, command, out):
    """(model, curve, architecture of the first rank) of a run."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=600,
                          env={**launch.environment(1), "PMIX_MCA_gds": "hash"})
    causes = [line for line in done.stderr.splitlines() if line.startswith("collab-ps: error:")] or [done.stderr[-600:]]
    if not check.that(done.returncode == 0, f"{name}: trains", "; ".join(causes) if done.returncode else ""):
        return None
    record = records.read_record(Path(out))
    return records.model_hash(Path(out)), record["result"]["curve_sha256"], record["machine"]["architecture"]


def main():
    program, arm64, sysroot = sys.argv[1:]
    check = Verdict("arm64")
    with tempfile.TemporaryDirectory() as scratch:
        emulated = write_emulated(scratch, arm64, sysroot)
        native = hashes_of(check, "native", [program, *OPTIONS, "--out", f"{scratch}/native"], f"{scratch}/native")
        one = hashes_of(check, "one emulated process", [emulated, *OPTIONS, "--out", f"{scratch}/one"], f"{scratch}/one")
        check.equal("one emulated process", one, (*native[:2], "aarch64"))
        for transport in ("mpi", "tcp"):
            out = f"{scratch}/mixed-{transport}"
            options = [*OPTIONS, "--transport", transport, "--out", out]
            command = ["mpirun", *MPI, "-n", "2", emulated, *options, ":", "-n", "2", program, *options]
            mixed = hashes_of(check, f"mixed over {transport}", command, out)
            check.equal(f"2 emulated and 2 native ranks over {transport}", mixed, (*native[:2], "aarch64"))
        settings = {"COLLAB_PS_PROGRAM": emulated, "PMIX_MCA_gds": "hash", "COLLAB_PS_RUN_SECONDS": "600"}
        pinned = subprocess.run([sys.executable, PINNED], env={**os.environ, **settings}, check=False)
        check.that(pinned.returncode == 0, "the pinned hashes, emulated")
    check.finish()


main()
