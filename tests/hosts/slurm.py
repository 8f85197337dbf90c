"""A Slurm cluster on one machine: the batch script is signalled and requeued until its run is complete, and srun trains one
run or reports why it cannot.

    slurm.py [--keep]

Runs Debian's munged, slurmctld and slurmd (slurm-wlm, munge) as root, with their own folders and ports. A job has less time
than its run needs: it saves, is requeued, resumes, and ends with the model of a run without interruption.
"""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import places  # noqa: E402
import records  # noqa: E402
from verdict import SKIPPED, Verdict  # noqa: E402

TOOLS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol")
# Longer than the minute that a job gets, on a fast machine too: so that it is signalled.
JOB = ["--epochs", "120", "--factors", "16", "--batch-size", "32"]

CONFIGURATION = """ClusterName=bed
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthInfo=socket={folder}/munge.sock
StateSaveLocation={folder}/ctld
SlurmdSpoolDir={folder}/d
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort={port}
SlurmdPort={more}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 Boards=1 SocketsPerBoard=1 CoresPerSocket=8 ThreadsPerCore=1 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Slurm:
    """The daemons, which run until the end of a with block."""

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="cps-slurm-"))
        for name in ("ctld", "d", "munge", "job"):
            (self.folder / name).mkdir(mode=0o700)
        port = random.randrange(26000, 29000)
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(host=socket.gethostname().split(".")[0], folder=self.folder, port=port, more=port + 1))
        self.environment = {**launch.environment(8), "SLURM_CONF": str(self.folder / "slurm.conf"), "COLLAB_PS": str(places.program()),
                            "COLLAB_PS_DEPLOY": str(places.SOURCE / "deploy")}
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        try:
            self.run("munged", "--force", f"--key-file={key}", f"--socket={self.folder}/munge.sock", f"--pid-file={self.folder}/munge.pid",
                     f"--log-file={self.folder}/munge/log", f"--seed-file={self.folder}/munge/seed")
            self.run("slurmctld", "-f", self.folder / "slurm.conf")
            self.run("slurmd", "-f", self.folder / "slurm.conf")
            self.wait(lambda: "idle" in self.run("sinfo", "-h", "-o", "%T").stdout, 30)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *ignored):
        for name in ("slurmd", "slurmctld", "munge"):
            try:
                os.kill(int((self.folder / f"{name}.pid").read_text()), signal.SIGTERM)
            except (OSError, ValueError):
                pass
        time.sleep(2)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *words, seconds=60):
        return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=seconds, check=False,
                              env=self.environment, cwd=self.folder / "job")

    def wait(self, done, seconds):
        """Waits until done() is true; returns whether it was in time."""
        until = time.monotonic() + seconds
        while not done():
            if time.monotonic() > until:
                return False
            time.sleep(1)
        return True


def check_batch(check, slurm, data, want):
    script = places.SOURCE / "deploy" / "hosts" / "collab-ps.sbatch"
    sent = slurm.run("sbatch", "--parsable", "--time=1", "--signal=B:USR1@50", "--output=out", script, "--data", data, *JOB)
    job = sent.stdout.strip()
    check.that(job.isdigit(), "the batch script is taken", sent.stderr)

    def over():
        slurm.run("scontrol", "update", f"jobid={job}", "starttime=now")  # Slurm delays a requeued job by minutes
        if re.search(r"Restarts=[2-9]", slurm.run("scontrol", "show", "job", job).stdout):
            slurm.run("scontrol", "update", f"jobid={job}", "timelimit=10")
        return "JobState=COMPLETED" in slurm.run("scontrol", "show", "job", job).stdout

    ended = slurm.wait(over, 500)
    said = (slurm.folder / "job" / "out").read_text()
    check.that(ended and said.count("put back into the queue") >= 1, "signalled, requeued, and ended",
               f"{said.count('put back into the queue')} times" if ended else said[-600:])
    folder = slurm.folder / "job" / "runs" / f"slurm-{job}"
    check.that(ended and records.model_hash(folder) == want, "the model of a run that was never cut")


def check_srun(check, slurm, data, want):
    for plugin in ("pmix", "pmi2", "none"):
        done = slurm.run("srun", f"--mpi={plugin}", "-n", "8", places.program(), "--data", data, *JOB, "--epochs", "1", "--out", f"srun-{plugin}", seconds=120)
        if done.returncode == 0:
            runs = done.stdout.count("model sha256")
            check.that(runs == 1, f"srun --mpi={plugin} -n 8 trains one run", f"{runs} runs")
            check.that(want in done.stdout, f"srun --mpi={plugin}: its hash")
        else:
            said = [line for line in done.stderr.splitlines() if "collab-ps: error" in line]
            check.that(len(said) == 1 and "each would train a run of its own" in said[0], f"srun --mpi={plugin} is refused in a line", said or done.stderr[-300:])
            check.that(not list((slurm.folder / "job").glob(f"srun-{plugin}*")), f"srun --mpi={plugin}: no run was begun")


def main():
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if os.geteuid() != 0 or missing:
        print(f"SKIP slurm: {'no ' + ', '.join(missing) + ' (Debian: slurm-wlm, munge)' if missing else 'for root'}")
        sys.exit(SKIPPED)
    check, data = Verdict("slurm"), places.movielens_100k()
    with tempfile.TemporaryDirectory() as scratch:
        alone = [launch.launch(["--data", data, *JOB, *more, "--out", Path(scratch) / name], None, 200) for name, more in (("all", []), ("one", ["--epochs", "1"]))]
        want = [records.model_hash(Path(scratch) / name) for name in ("all", "one")]
        assert all(run.code == 0 for run in alone)
    with Slurm() as slurm:
        check_srun(check, slurm, data, want[1])
        check_batch(check, slurm, data, want[0])
    check.finish()


main()
