"""csv histories of other programs: fastai's CSVLogger, tables of several runs, and files that are neither."""

import unittest

import support
from collab_ps.record import histories, runs

HEAD = "epoch,train_loss,valid_loss,time\n"

REFUSED = {  # name of the file: (content, why it is left out)
    "empty": ("", "is empty, or has no header"),
    "blank": ("\n\n", "is empty, or has no header"),
    "header": (HEAD, "has no epochs"),
    "other": ("step,lr,mom,loss\n0,0.1,0.9,1.0\n", "has no column epoch and valid_loss"),
    "train": ("epoch,train_loss\n0,1.0\n", "has no column valid_loss"),
    "prose": ("Dear reader,\nthis is no table.\n", "has no column epoch and valid_loss"),
    "json": ('{"epoch": 1, "valid_loss": 2}\n', "has no column epoch and valid_loss"),
    "binary": (bytes(range(256)) * 64, "is not a csv file"),
    "zeros": (b"\0" * 100000, "has no column epoch and valid_loss"),
    "latin": (HEAD.encode() + b"0,1.0,0.9,\xe9\n", "is not a csv file"),
    "endless": ("x" * 3_000_000, "has no column epoch and valid_loss"),
    "cut": (HEAD + "0,1.0,0.9,00:01\n1,0.9,0.8", "is cut short or damaged: line 3 has 3 of 4 fields"),
    "torn": (HEAD + "0,1.0,0.9,00:01,5\n", "line 2 has 5 of 4 fields"),
    "words": (HEAD + "0,one,two,00:01\n", "has fields that are not numbers"),
    "fraction": (HEAD + "0.5,1.0,0.9,00:01\n", "has fields that are not numbers"),
    "clock": (HEAD + "0,1.0,0.9,noon\n", "has fields that are not numbers"),
    "endless clock": (HEAD + "0,1.0,0.9,inf\n", "has fields that are not numbers"),
    "negative clock": (HEAD + "0,1.0,0.9,-1\n", "has fields that are not numbers"),
    "nan": (HEAD + "0,1.0,0.9,00:01\n1,0.9,nan,00:01\n", "valid_loss of epoch 1 is nan"),
    "infinite": (HEAD + "0,inf,0.9,00:01\n", "train_loss of epoch 0 is inf"),
    "gap": (HEAD + "0,1.0,0.9,00:01\n2,0.8,0.7,00:01\n", "lacks epochs"),
    "late": (HEAD + "1,1.0,0.9,00:01\n", "lacks epochs"),
    "twice": (HEAD + "0,1.0,0.9,00:01\n0,1.0,0.9,00:01\n", "lacks epochs"),
    "long field": (HEAD + f"0,{'1' * 200000},0.9,00:01\n", "is not a csv file"),
}


class Refused(support.Scratch):
    def test_each_with_its_reason(self):
        for name, (content, why) in REFUSED.items():
            with self.subTest(name):
                path = str(self.file(f"{name}.csv", content))
                found, skipped = runs.read([path])
                self.assertEqual(found, [])
                self.assertEqual([where for where, _ in skipped], [path])
                self.assertIn(why, skipped[0][1])

    def test_a_table_of_compare_is_no_run(self):
        mine = self.file("mine/history.csv", support.FASTAI)
        out = self.folder / "report"
        self.compare(mine, "--csv", str(out) + ".csv", "--quiet")
        _, skipped = runs.read([str(out) + ".csv"])
        self.assertEqual(skipped, [(str(out) + ".csv", "a table that compare wrote, not a run")])


class Fastai(support.Scratch):
    def read(self, name, content):
        found, skipped = runs.read([str(self.file(name, content))])
        self.assertEqual(skipped, [])
        return found

    def test_losses_and_times(self):
        run, = self.read("plain.csv", support.FASTAI)
        self.assertEqual([epoch["valid_loss"] for epoch in run.curve], [0.94077, 0.870184, 0.828775])
        self.assertEqual([epoch["train_loss"] for epoch in run.curve], [0.942313, 0.85011, 0.724501])
        self.assertEqual([epoch["time"] for epoch in run.curve], [5, 12, 62])
        self.assertEqual((run.seconds, run.seed, run.foreign, run.name), (79, None, True, "plain"))

    def test_clocks(self):
        for text, seconds in (("00:12", 12), ("1:02:03", 3723), ("12.5", 12.5), ("  00:01 ", 1), ("", None),
                              (None, None)):
            with self.subTest(text=text):
                self.assertEqual(histories.clock(text), seconds)

    def test_appended_fits_are_runs(self):
        """CSVLogger(append=True) writes its header again; the second fit may log more."""
        more = "epoch,train_loss,valid_loss,accuracy,time\n0,0.9,0.8,0.5,00:01\n"
        first, second, third = self.read("appended.csv", support.FASTAI + support.FASTAI + more)
        self.assertEqual(first.curve, second.curve)
        self.assertEqual(third.curve, [{"epoch": 0, "train_loss": 0.9, "valid_loss": 0.8, "mae": None, "time": 1}])
        self.assertEqual(len({run.path for run in (first, second, third)}), 3)
        self.assertEqual(first.options, third.options)

    def test_what_spreadsheets_do(self):
        for name, content in (("mark", "\ufeff" + support.FASTAI), ("returns", support.FASTAI.replace("\n", "\r\n")),
                              ("spaces", support.FASTAI.replace(",", ", ")), ("blank", support.FASTAI + "\n\n"),
                              ("end", support.FASTAI.rstrip("\n")),
                              ("quotes", support.FASTAI.replace("00:05", '"00:05"'))):
            with self.subTest(name):
                run, = self.read(f"{name}.csv", content)
                self.assertEqual(run.curve[2]["valid_loss"], 0.828775)
                self.assertEqual(run.seconds, 79)

    def test_without_times_or_losses(self):
        run, = self.read("bare.csv", "epoch,valid_loss\n0,0.9\n")
        self.assertEqual(run.curve, [{"epoch": 0, "train_loss": None, "valid_loss": 0.9, "mae": None, "time": None}])
        run, = self.read("unvalidated.csv", HEAD + "0,1.0,,00:01\n")
        self.assertIsNone(run.curve[0]["valid_loss"])

    def test_shipped_curves(self):
        found, skipped = runs.read([str(support.CURVES)])
        self.assertEqual(skipped, [])
        seeds = {}
        for run in found:
            seeds.setdefault(run.name, set()).add(run.seed)
            self.assertEqual(len(run.curve), 5)
        for model in ("dot", "dot-range", "bias", "bias-wd"):
            self.assertEqual(len(seeds[model]), 8, model)


class Names(support.Scratch):
    """CSVLogger names every file history.csv: two such files must not become one configuration."""

    def setUp(self):
        self.one = self.file("one/history.csv", support.FASTAI)
        self.two = self.file("two/history.csv", support.FASTAI.replace("0.828775", "0.9"))

    def labels(self, *arguments):
        return [(group["label"], group["seeds"]) for group in self.report(*arguments)["groups"]]

    def test_files_stand_for_themselves(self):
        self.assertEqual(self.labels(self.one, self.two), [("one", 1), ("two", 1)])

    def test_files_of_one_name_are_one(self):
        self.assertEqual(self.labels(f"mine={self.one}", f"mine={self.two}"), [("mine", 2)])
        self.assertEqual(self.labels(f"mine={self.folder}/*/history.csv"), [("mine", 2)])

    def test_files_of_one_stem(self):
        a, b = self.file("a/x.csv", support.FASTAI), self.file("b/x.csv", support.FASTAI)
        self.assertEqual(self.labels(a, b), [(f"x ({a})", 1), (f"x ({b})", 1)])

    def test_named_models(self):
        content = "model,epoch,valid_loss\nm,0,0.9\nn,0,0.8\n"
        path = self.file("models.csv", content)
        self.assertEqual(self.labels(path), [("m", 1), ("n", 1)])


if __name__ == "__main__":
    unittest.main()
