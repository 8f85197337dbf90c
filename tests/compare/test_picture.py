"""The PNG picture, and the behaviour without matplotlib. The appearance is not tested here."""

import os
import unittest

import support

PNG = b"\x89PNG\r\n\x1a\n"


class Drawn(support.Trained):
    WANTED = {"a": ["--wd", "0.1", "--epochs", "2"], "b": ["--wd", "0.5", "--epochs", "3"]}
    SEEDS = (1, 2)

    def setUp(self):
        self.runs = [*self.run_folders("a"), *self.run_folders("b")]


@support.needs_matplotlib
class Picture(Drawn):
    def test_png(self):
        path = self.folder / "picture.png"
        self.compare(*self.runs, "--png", path, "--quiet", "--title", "With $x_ and ünïcode")
        picture = path.read_bytes()
        self.assertTrue(picture.startswith(PNG))
        self.assertEqual(int.from_bytes(picture[16:20], "big"), 1320)

    def test_on_standard_output(self):
        done = self.compare(*self.runs, "--png", "-", text=False)
        self.assertTrue(done.stdout.startswith(PNG))

    def test_of_all_sorts(self):
        """One group, runs without validation, references, many groups, names that matplotlib would interpret."""
        unvalidated = self.train("u", "--valid-pct", "0", "--epochs", "2")
        many = [f"_{i}={self.file(f'many/{i}.csv', support.FASTAI)}" for i in range(30)]
        mixed = [unvalidated, *self.runs, "--reference", str(support.CURVES)]
        for name, arguments in (("one", self.runs[:1]), ("unvalidated", [unvalidated]), ("mixed", mixed),
                                ("many", many), ("tongues", [f"模型 \\frac={self.runs[0]}"])):
            with self.subTest(name):
                done = self.compare(*arguments, "--png", self.folder / f"{name}.png", "--quiet")
                self.assertNotIn("matplotlib", done.stderr)
                self.assertNotIn("Warning", done.stderr)


class WithoutMatplotlib(Drawn):
    def blind(self, *arguments, code):
        """Runs compare without matplotlib."""
        block = self.file("blocked/sitecustomize.py", "import sys\nsys.modules['matplotlib'] = None\n")
        return self.compare(*arguments, code=code, env={**os.environ, "PYTHONPATH": str(block.parent)})

    def test_out_goes_without(self):
        out = self.folder / "blind"
        done = self.blind(*self.runs, "--out", out, code=0)
        self.assertIn("no picture: Python's matplotlib is missing", done.stderr)
        self.assertEqual({path.name for path in out.iterdir()}, {"compare.csv", "compare.json", "compare.html"})

    def test_asked_for_by_name(self):
        done = self.blind(*self.runs, "--png", self.folder / "blind.png", code=2)
        self.assertEqual(done.stdout, "")
        self.assertIn("error: no picture: Python's matplotlib is missing", done.stderr)
        self.assertIn("hint: apt-get install python3-matplotlib", done.stderr)


if __name__ == "__main__":
    unittest.main()
