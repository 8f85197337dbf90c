"""A folder for tests of experiments: tiny ratings, experiment files, and the script, run as a user does.

    with Workbench() as bench:
        bench.write("a.toml", TEXT)
        run = bench.run("a.toml", "--seeds", 2)      # launch.Finished
        bench.runs("a")                              # {folder's name: its fingerprint}
"""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import places  # noqa: E402
from verdict import Verdict  # noqa: E402

TOOLS = places.SOURCE / "deploy" / "tools"
SCRIPT = [TOOLS, "experiment"]
SECONDS = 90
CELLS = """
seeds = 2
baseline = "one"
[options]
epochs = 1
factors = 2
[axes.cell]
one = { wd = 0.1 }
two = { wd = 0.2 }
three = { wd = 0.3 }
"""
LONG = "[options]\nepochs = 1000000\n[axes]\nfactors = [2, 3]\n"


class Workbench:
    def __enter__(self):
        self.holder = tempfile.TemporaryDirectory(prefix="collab-ps-experiment-")
        self.folder = Path(self.holder.name)
        made = launch.launch(["synth", "--users", 60, "--items", 90, "--ratings", 3000, "--seed", 1, "--out",
                              self.folder / "data"])
        if made.code:
            raise RuntimeError(made.stderr)
        return self

    def __exit__(self, *_):
        for pid in self.trainers("a"):  # left by a check that failed
            os.kill(pid, signal.SIGKILL)
        self.holder.cleanup()

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return self.folder / name

    def environment(self, **variables):
        """The environment of a user who has set COLLAB_PS_DATA; a value of None removes a variable."""
        wanted = {**launch.environment(), "COLLAB_PS_PROGRAM": str(places.program()),
                  "COLLAB_PS_DATA": str(self.folder / "data"), **variables}
        return {name: value for name, value in wanted.items() if value is not None}

    def start(self, *arguments, cwd=None, variables=None, python=("-S",), user=None):
        """Starts the script as the leader of its own process group.

        Site packages are disabled unless python is given: with matplotlib each start would also draw.
        """
        script, variables = SCRIPT, variables or {}
        if user is not None:
            script = [places.for_everybody(TOOLS), *SCRIPT[1:]]
            variables = {"COLLAB_PS_PROGRAM": str(places.for_everybody(places.program())), **variables}
        return subprocess.Popen([sys.executable, *python, *script, *map(str, arguments)], cwd=cwd or self.folder,
                                env=self.environment(**variables), stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, user=user)

    def run(self, *arguments, **more):
        return launch.finish(self.start(*arguments, **more), SECONDS)

    def runs(self, out):
        """{name: its fingerprint} of the finished runs in an experiment's folder, by their records alone."""
        found = {}
        for record in sorted((self.folder / out).glob("*/run.json")):
            try:
                done = json.loads(record.read_text())["state"] == "done"
            except ValueError:
                done = False
            if done:
                found[record.parent.name] = fingerprint(record.parent)
        return found

    def trainers(self, out):
        """{process id: command line} of the processes that train runs in an experiment's folder: launchers and ranks."""
        found = {}
        for entry in filter(str.isdecimal, os.listdir("/proc")):
            try:
                words = Path("/proc", entry, "cmdline").read_text(errors="replace").split("\0")
                if any(word.startswith(f"--out={out}/") for word in words):
                    here = os.path.realpath(self.folder) == os.readlink(f"/proc/{entry}/cwd")
                    found.update({int(entry): words} if here else {})
            except OSError:
                continue
        return found

    def hashes(self, out):
        """{name: (curve, model)} of the finished runs."""
        results = {name: json.loads((self.folder / out / name / "run.json").read_text())["result"]
                   for name in self.runs(out)}
        return {name: (result["curve_sha256"], result["model_sha256"]) for name, result in results.items()}


def check_parts(name, parts):
    """Runs the parts, or those named on the command line, each on its own bench; ends the process."""
    check = Verdict(name)
    for part in parts:
        if not sys.argv[1:] or part.__name__ in sys.argv[1:]:
            with Workbench() as bench:
                part(check, bench)
    check.finish()


def fingerprint(folder):
    """A value that changes if the run is trained again."""
    files = [folder / name for name in ("run.json", "history.csv", "model.safetensors")]
    return [(path.name, path.stat().st_ino, path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
            for path in files]


def trained(run):
    """Names of the runs that were trained, in the order in which they ended."""
    return re.findall(r"^collab-ps: (?:run|error): \[ *\d+/\d+\] (.*?): ", run.stderr, re.MULTILINE)


def labels(bench, out):
    return [group["label"] for group in json.loads((bench.folder / out / "compare.json").read_text())["groups"]]


def wait_until(holds, seconds):
    """Waits until holds() is true; returns whether it was in time."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def read_terminal(leader):
    """Reads what is written to a terminal until its last writer ends."""
    said = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # Linux reports this when the last writer has closed the terminal
            part = b""
        if not part:
            os.close(leader)
            return said.decode(errors="replace")
        said += part
