"""Run folders: complete ones are read, others are skipped with the reason."""

import json
import os
import unittest

import support
from collab_ps.record import paths, runs
from support import put


def without(*path):
    """A change for copy(record=...): removes the entry at path."""
    def change(record):
        for key in path[:-1]:
            record = record[key]
        del record[path[-1]]
    return change


def record_text(text):
    return lambda record: text


def lines(count):
    return lambda text: "".join(text.splitlines(keepends=True)[:count])


SPOILED = {  # folder: (a change to a valid run, why it is skipped)
    "running": ({"record": put("state", value="running")}, "not finished: it is still running or was killed"),
    "failed": ({"record": put("state", value="failed: training diverged at step 9")},
               "not finished: failed: training diverged at step 9"),
    "stateless": ({"record": without("state")}, "not finished: None"),
    "cut-record": ({"record": lambda record: json.dumps(record)[:400]}, "'run.json' is cut short, or not JSON"),
    "empty-record": ({"record": record_text("")}, "'run.json' is cut short, or not JSON"),
    "list-record": ({"record": record_text("[1, 2]")}, "'run.json' is not one of collab-ps"),
    "deep-record": ({"record": record_text("[" * 100000)}, "'run.json' is cut short, or not JSON"),
    "foreign-record": ({"record": record_text('{"name": "somebody else\'s"}')}, "'run.json' is not one of collab-ps"),
    "nan-record": ({"record": put("data", "rating_min", value=float("nan"))}, "'run.json' is cut short, or not JSON"),
    "later-format": ({"record": put("format", value=9)}, "'run.json' has format 9; only format 1 can be read"),
    "no-hash": ({"record": without("result", "curve_sha256")}, "'run.json' has no usable 'result.curve_sha256'"),
    "no-seed": ({"record": put("seed", value=[1])}, "'run.json' has no usable 'seed'"),
    "true-seed": ({"record": put("seed", value=True)}, "'run.json' has no usable 'seed'"),
    "no-data": ({"record": put("data", value=None)}, "'run.json' has no usable 'data'"),
    "text-users": ({"record": put("data", "users", value="61")}, "'run.json' has no usable 'data.users'"),
    "no-ranks": ({"record": put("cluster", "ranks", value=[7])}, "'run.json' has no usable 'cluster.ranks'"),
    "odd-option": ({"record": put("options", "wd", value="0.1")}, "'run.json' has no usable 'options.wd'"),
    "odd-value": ({"record": put("options", "wd", "value", value=[])}, "'run.json' has no usable 'options.wd.value'"),
    "odd-inputs": ({"record": put("inputs", value=[{"option": 7}])}, "'run.json' has no usable 'inputs.option'"),
    "odd-build": ({"record": put("build", value=[])}, "'run.json' has no usable 'build'"),
    "odd-range": ({"record": put("model", "y_range", value=[1])}, "'run.json' has no usable 'model.y_range'"),
    "odd-limits": ({"record": put("model", "y_range", value=["a", "b"])}, "'run.json' has no usable 'model.y_range'"),
    "cut-line": ({"history": lambda text: text[:-30]}, "is cut short or damaged: line 4 has"),
    "cut-digit": ({"history": lambda text: text[:-3]}, "'history.csv' is cut short in its last line"),
    "fewer-epochs": ({"history": lines(3)}, "'history.csv' has 2 epochs, 'run.json' 3"),
    "no-epochs": ({"history": lines(1)}, "'history.csv' has no epochs"),
    "no-lines": ({"history": lines(0)}, "'history.csv' is empty, or has no header"),
    "no-column": ({"history": lambda text: text.replace("valid_loss", "loss")},
                  "'history.csv' has no column valid_loss"),
    "nan-loss": ({"history": lambda text: text.replace(text.splitlines()[2].split(",")[2], "nan")},
                 "valid_loss of epoch 1 is nan"),
    "appended": ({"history": lambda text: text + text}, "'history.csv' has 6 epochs, 'run.json' 3"),
    "edited": ({"history": lambda text: text.replace(text.splitlines()[2].split(",")[2], "0.5")},
               "'history.csv' was changed: its losses do not have the hash that 'run.json' gives"),
}


class Spoiled(support.Trained):
    WANTED = {"good": ["--epochs", "3", "--wd", "0.1"], "other": ["--epochs", "3", "--wd", "0.3"]}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bad = {cls.copy("good-1", name, **changes): why for name, (changes, why) in SPOILED.items()}
        lost = cls.copy("good-1", "no-history")
        (lost / "history.csv").unlink()
        cls.bad[lost] = "cannot read 'history.csv': No such file or directory"
        hollow = cls.copy("good-1", "folder-for-record")
        (hollow / "run.json").unlink()
        (hollow / "run.json").mkdir()
        cls.bad[hollow] = "cannot read 'run.json': Is a directory"
        empty = cls.folder / "empty"
        empty.mkdir()
        cls.bad[empty] = "not a run's folder: it has no 'run.json'"
        cls.bad[cls.data] = "not a run's folder: it has no 'run.json'"
        cls.bad[cls.run_folder("good-1") / "model.safetensors"] = "'model.safetensors' is not a csv file"
        cls.bad[cls.run_folder("good-1") / "metrics.jsonl"] = "'metrics.jsonl' has no column epoch and valid_loss"
        dangling = cls.folder / "dangling"
        dangling.symlink_to(cls.folder / "nowhere")
        cls.bad[dangling] = "cannot read 'dangling': No such file or directory"
        cls.bad[cls.folder / "nothing-*"] = "no such file or folder"

    def check_named(self, stderr):
        said = stderr.splitlines()
        for path, why in self.bad.items():
            with self.subTest(path.name):
                mine = [line for line in said if line.startswith(f"collab-ps: warning: skipped '{path}': ")]
                self.assertEqual(len(mine), 1, stderr)
                self.assertIn(why, mine[0])

    def test_the_rest_is_compared(self):
        good, other = self.run_folder("good-1"), self.run_folder("other-1")
        done = self.compare(good, *self.bad, other, "--fail-if", "skipped != " + str(len(self.bad)))
        self.check_named(done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), len(self.bad))
        self.assertIn("wd 0.3", done.stdout)
        report = self.report(good, *self.bad, other)
        self.assertEqual([group["label"] for group in report["groups"]], ["wd 0.1", "wd 0.3"])
        self.assertEqual([entry["path"] for entry in report["skipped"]], list(map(str, self.bad)))

    def test_nothing_left(self):
        done = self.compare(*self.bad, code=3)
        self.check_named(done.stderr)
        self.assertIn("collab-ps: error: none of the arguments is a finished run", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_a_bad_reference_is_skipped_too(self):
        done = self.compare(self.run_folder("good-1"), "--reference", f"fastai={self.folder / 'empty'}")
        self.assertIn("skipped", done.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "a file that cannot be read needs another user to try")
    def test_unreadable(self):
        self.folder.chmod(0o755)
        (self.folder / "runs").chmod(0o755)
        closed, record, curve = (self.copy("good-1", name) for name in ("closed", "closed-record", "closed-curve"))
        for path, mode in ((closed, 0), (record / "run.json", 0), (curve / "history.csv", 0)):
            path.chmod(mode)
        os.seteuid(65534)
        try:
            found, skipped = runs.read(map(str, (closed, record, curve, self.run_folder("good-1"))))
        finally:
            os.seteuid(0)
        self.assertEqual([run.path for run in found], [str(self.run_folder("good-1"))])
        self.assertEqual(skipped, [(str(closed), "cannot read 'run.json': Permission denied"),
                                   (str(record), "cannot read 'run.json': Permission denied"),
                                   (str(curve), "cannot read 'history.csv': Permission denied")])


class Whole(support.Trained):
    WANTED = {"a": ["--epochs", "2"]}
    SEEDS = (1, 2)

    def test_what_is_read(self):
        run = runs.read_folder(str(self.run_folder("a-1")), "called")
        record = self.record("a-1")
        self.assertEqual((run.name, run.seed, run.curve_hash), ("called", 1, record["result"]["curve_sha256"]))
        self.assertEqual(run.curve[-1]["valid_loss"], record["result"]["valid_loss"])
        self.assertEqual(run.curve[-1]["train_loss"], record["result"]["train_loss"])
        self.assertEqual(run.options["wd-bias"], run.options["wd"])
        self.assertEqual(run.options["y-range"], "0,5.5")
        self.assertEqual(run.options["ratings"], "3000 by 60 of 90")
        self.assertEqual(set(run.options) & runs.ASIDE, set())

    def test_unvalidated(self):
        folder = self.train("unvalidated", "--valid-pct", "0", "--epochs", "2")
        run = runs.read_folder(str(folder), None)
        self.assertEqual([epoch["valid_loss"] for epoch in run.curve], [None, None])
        done = self.compare(folder, self.run_folder("a-1"), self.train("b-1", "--epochs", "2", "--wd", "0.3"))
        self.assertIn("'valid-pct 0, wd 0.1' has no valid_loss to compare it with", done.stdout)
        self.assertIn("trained or validated on other ratings", done.stderr)


class Paths(support.Trained):
    """The meaning of an argument."""

    WANTED = {"a": ["--epochs", "1"], "b": ["--epochs", "1", "--wd", "0.3"]}

    def read(self, *arguments, cwd=None):
        here = os.getcwd()
        os.chdir(cwd or self.folder)
        try:
            found, skipped = runs.read(arguments)
        finally:
            os.chdir(here)
        return [(run.name, run.path) for run in found], skipped

    def test_arguments(self):
        self.copy("a-1", "lr=0.1")
        self.copy("a-1", "x=1/r=2")
        self.copy("a-1", "set[1]")
        for arguments, want in (
                (["runs/a-1"], [(None, "runs/a-1")]),
                (["runs/a-1/"], [(None, "runs/a-1")]),
                (["./runs//a-1"], [(None, "runs/a-1")]),
                (["runs"], [(None, "runs/a-1"), (None, "runs/b-1")]),
                (["runs/*"], [(None, "runs/a-1"), (None, "runs/b-1")]),
                (["n=runs"], [("n", "runs/a-1"), ("n", "runs/b-1")]),
                (["n=runs/[b]*"], [("n", "runs/b-1")]),
                (["runs/a-1/history.csv"], [(None, "runs/a-1")]),
                (["runs/*/history.csv"], [(None, "runs/a-1"), (None, "runs/b-1")]),
                (["runs/a-1/run.json"], [(None, "runs/a-1")]),
                (["lr=0.1"], [(None, "lr=0.1")]),
                (["lr=0.*"], [(None, "lr=0.1")]),
                (["small=lr=0.1"], [("small", "lr=0.1")]),
                (["lr=0.1=runs/a-1"], [("lr=0.1", "runs/a-1")]),
                (["1/2=runs/a-1"], [("1/2", "runs/a-1")]),
                (["x=1/r=2"], [(None, "x=1/r=2")]),
                (["y=x=1/r=2"], [("y", "x=1/r=2")]),
                (["set[1]"], [(None, "set[1]")]),
                (["runs/a-1", "runs/a-1"], [(None, "runs/a-1")]),
                (["runs/a-1", "n=runs"], [(None, "runs/a-1"), ("n", "runs/b-1")])):
            with self.subTest(arguments):
                self.assertEqual(self.read(*arguments), (want, []))

    def test_nothing_of_that_name(self):
        for argument, path in (("gone", "gone"), ("n=gone", "gone"), ("n=gone/*", "gone/*"), ("a/b=gone", "a/b=gone"),
                               ("=gone", "=gone"), ("n=", "n=")):
            with self.subTest(argument):
                self.assertEqual(self.read(argument), ([], [(path, "no such file or folder")]))

    def test_one_place_by_two_ways(self):
        (self.folder / "latest").symlink_to(self.run_folder("a-1"))
        found, skipped = self.read("latest", "runs/a-1", str(self.run_folder("a-1")))
        self.assertEqual((found, skipped), ([(None, "latest")], []))

    def test_a_folder_of_runs_names_what_is_none(self):
        folder = self.folder / "mixed"
        self.copy("a-1", "mixed/good")
        (folder / "half").mkdir()
        (folder / ".hidden").mkdir()
        (folder / "good.log").write_text("")
        found, skipped = self.read("mixed")
        self.assertEqual(found, [(None, "mixed/good")])
        self.assertEqual(skipped, [("mixed/half", "not a run's folder: it has no 'run.json'")])

    def test_inside_the_run(self):
        self.assertEqual(self.read(".", cwd=self.run_folder("a-1")), ([(None, ".")], []))
        self.assertEqual(self.read("history.csv", cwd=self.run_folder("a-1")), ([(None, ".")], []))

    def test_split_name_touches_no_argument_without_one(self):
        self.assertEqual(paths.split_name("runs/none"), (None, "runs/none"))


if __name__ == "__main__":
    unittest.main()
