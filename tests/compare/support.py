"""Shared by the tests of compare: its modules, trained runs, and the command as a user runs it.

    class Case(support.Trained):
        WANTED = {"a": ["--wd", "0.1"], "b": ["--wd", "0.3"]}     # trained with each seed of SEEDS
        def test(self):
            spoiled = self.copy("a-1", "cut", history=lambda text: text[:-20])
            done = self.compare("x=" + str(spoiled), self.run_folder("b-1"))
            done.returncode, done.stdout, done.stderr

A run on the small set of ratings takes less than a tenth of a second, so every test file trains its own runs and damages
copies of them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))
TOOLS = HERE.parents[1] / "deploy" / "tools"
sys.path.insert(0, str(TOOLS))
import launch  # noqa: E402

SCRIPT = [sys.executable, str(TOOLS), "compare"]
CURVES = TOOLS / "collab_ps" / "experiments" / "fastai-curves.csv"
SECONDS = 60
TINY = ["--factors", "4", "--batch-size", "128", "--progress", "none", "--log-level", "error"]

# As fastai 2.7's CSVLogger writes it.
FASTAI = """epoch,train_loss,valid_loss,time
0,0.942313,0.940770,00:05
1,0.850110,0.870184,00:12
2,0.724501,0.828775,01:02
"""


def compare(*arguments, **settings):
    """Runs compare to its end as a user does; settings are those of subprocess.run."""
    command = [*SCRIPT, *map(str, arguments)]
    return subprocess.run(command, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True,
                                      "timeout": SECONDS, "stdin": subprocess.DEVNULL, **settings})


def program(*arguments, ranks=None):
    """Runs the trainer; the test fails if it fails."""
    done = launch.launch(arguments, ranks=ranks, seconds=SECONDS)
    if done.code:
        raise AssertionError(f"{arguments} ended with {done.code}: {done.stderr[-400:]}")


def needs_matplotlib(test):
    """Skips a test without matplotlib; in CI it fails."""
    try:
        import matplotlib  # noqa: F401
        there = True
    except ImportError:
        there = os.environ.get("CI") == "true"
    return unittest.skipUnless(there, "no matplotlib (Debian: python3-matplotlib)")(test)


class Scratch(unittest.TestCase):
    """A folder for each class of tests, removed at the end."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="compare-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)

    @classmethod
    def file(cls, name, content):
        """The path of a new file, below the class's folder."""
        path = cls.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def compare(self, *arguments, code=0, **settings):
        """Runs compare, which must end with code and without a traceback."""
        done = compare(*arguments, **settings)
        self.assertNotIn("Traceback", done.stderr or "")
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def report(self, *arguments, code=0):
        """The JSON report, which must contain neither NaN nor Infinity."""
        done = self.compare("--json", "-", *arguments, code=code)
        return json.loads(done.stdout, parse_constant=self.fail)

    def errors(self, *arguments, code):
        """The one error line and its hint, which must have the form of all errors."""
        done = self.compare(*arguments, code=code)
        lines = [line for line in done.stderr.splitlines() if line.startswith("collab-ps: error: ")]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertFalse(lines[0].endswith("."), lines[0])
        return done.stderr


class Trained(Scratch):
    """Runs on a small set: runs/NAME-SEED for each of WANTED and SEEDS."""

    WANTED = {}
    SEEDS = (1,)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.data = cls.folder / "data"
        program("synth", "--users", "60", "--items", "90", "--ratings", "3000", "--out", cls.data)
        for name, options in cls.WANTED.items():
            for seed in cls.SEEDS:
                cls.train(f"runs/{name}-{seed}", "--seed", seed, *options)

    @classmethod
    def train(cls, name, *options, ranks=None):
        """A run's folder, below the class's."""
        folder = cls.folder / name
        program("--data", cls.data, *TINY, "--out", folder, *options, ranks=ranks)
        return folder

    @classmethod
    def run_folder(cls, name):
        return cls.folder / "runs" / name

    def run_folders(self, name):
        return [self.run_folder(f"{name}-{seed}") for seed in self.SEEDS]

    def record(self, name):
        return json.loads((self.run_folder(name) / "run.json").read_text())

    @classmethod
    def copy(cls, source, name, record=None, history=None, steps=None):
        """A copy of a run, below the class's folder. record changes the dict of run.json in place or
        returns a text to put in its place; history and steps return the new text of their files."""
        folder = cls.folder / name
        shutil.copytree(cls.run_folder(source), folder)
        if record:
            content = json.loads((folder / "run.json").read_text())
            text = record(content)
            (folder / "run.json").write_text(text if isinstance(text, str) else json.dumps(content))
        for file, change in (("history.csv", history), ("steps.csv", steps)):
            if change:
                (folder / file).write_text(change((folder / file).read_text()))
        return folder


def put(*path, value):
    """A change for copy(record=...): sets the entry at path."""
    def change(record):
        for key in path[:-1]:
            record = record[key]
        record[path[-1]] = value
    return change
