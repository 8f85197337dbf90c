"""Grouping: options that affect the curve separate runs, seeds and machines do not, and broken promises are reported."""

import json
import unittest

import support
from collab_ps.compare import groups
from collab_ps.record import runs
from support import put


class Run(runs.Run):
    """A made-up run, for tests of names and order."""

    def __init__(self, name=None, seed=1, **options):
        super().__init__(f"runs/{name}-{seed}-{options}", name, [{"epoch": 0, "train_loss": 1.0, "valid_loss": 1.0,
                                                                   "time": 1.0}], seed)
        self.foreign = False
        self.options = {"model": "bias", "wd": "0.1", "wd-bias": "0.1",
                        **{key.replace("_", "-"): value for key, value in options.items()}}
        self.machine = dict.fromkeys(groups.SPLITS[1:], "1")


def explored(**options):
    """A run whose options count as defaults if they have the default values."""
    run = Run(**options)
    run.defaults = {"factors": "50", "epochs": "5", "batch-size": "64", "lr-max": "0.005", "wd": "0.1", "init": None,
                    "user-column": None, "optimizer": "adam"}
    return run


def labels(*made, split=()):
    return [group.label for group in groups.gather(list(made), split)]


def set_option(name, value, source="command line"):
    return put("options", name, value={"value": value, "source": source})


class Labels(unittest.TestCase):
    def test_by_what_differs(self):
        self.assertEqual(labels(Run()), ["bias"])
        self.assertEqual(labels(Run(wd="0.1"), Run(wd="0.2", wd_bias="0.2")), ["wd 0.1", "wd 0.2"])
        self.assertEqual(labels(Run(), Run(wd_bias="0")), ["wd-bias 0.1", "wd-bias 0"])
        self.assertEqual(labels(Run(factors="5"), Run()), ["factors 5", "factors none"])
        self.assertEqual(labels(Run(wd="0.2", factors="5"), Run(factors="6")),
                         ["wd 0.2, factors 5", "wd 0.1, factors 6"])

    def test_many_differences_are_those_that_are_set(self):
        """As after exploring: one option at a time differs from the defaults, some of which have no value."""
        plain = {"factors": "50", "epochs": "5", "batch_size": "64", "lr_max": "0.005", "init": None,
                 "user_column": None, "optimizer": "adam"}
        found = labels(*(explored(**{**plain, **changed}) for changed in (
            {}, {"wd": "0.2", "wd_bias": "0.2"}, {"factors": "100", "epochs": "10"}, {"init": "a.safetensors"},
            {"wd_bias": "0"}, {"user_column": "1", "optimizer": "sgd", "lr_max": "4", "batch_size": "256"})))
        self.assertEqual(found, ["defaults", "wd 0.2", "factors 100, epochs 10", "init a.safetensors", "wd-bias 0",
                                 "batch-size 256, lr-max 4, user-column 1, optimizer sgd"])

    def test_no_label_is_long(self):
        names = [f"option-{i}" for i in range(12)]
        made = [Run(seed=seed, **{name: str(seed * (i < 10)) for i, name in enumerate(names)}) for seed in range(1, 9)]
        for label in labels(*made):
            self.assertLessEqual(len(label), 60)
        for run in made:
            run.path = f"runs/idea {run.seed * 'x'}-seed-{run.seed}"
        self.assertEqual(labels(*made)[1:3], ["idea xx", "idea xxx"], "a folder's name where that is shorter")
        for run in made:
            run.path = "runs/20261124-055359-a13c54"
        self.assertTrue(labels(*made)[1].startswith("option-0 2"), "a folder that nobody named says nothing")

    def test_by_name(self):
        self.assertEqual(labels(Run("a"), Run("b", wd="0.2")), ["a", "b"])
        self.assertEqual(labels(Run("a"), Run("b")), ["bias"])
        self.assertEqual(labels(Run("a"), Run("b"), split=("name",)), ["a", "b"])
        self.assertEqual(labels(Run("a"), Run("a", seed=2)), ["a"])

    def test_no_two_are_alike(self):
        self.assertEqual(labels(Run("a"), Run("a", wd="0.2", wd_bias="0.2"), Run("b", factors="5")),
                         ["a (wd 0.1)", "a (wd 0.2)", "b"])
        self.assertEqual(labels(Run("a (wd 0.1)"), Run("a", factors="4"), Run("a", factors="5")),
                         ["a (wd 0.1)", "a (factors 4)", "a (factors 5)"])
        many = labels(Run("a", wd="0.1"), Run("a", wd="0.2"), Run("a (wd 0.1)", factors="6"))
        self.assertEqual(len(set(many)), 3, many)

    def test_by_machine(self):
        one, two = Run(), Run(seed=2)
        two.machine = {**two.machine, "ranks": "8"}
        self.assertEqual(labels(one, two), ["bias"])
        self.assertEqual(labels(one, two, split=("ranks",)), ["ranks 1", "ranks 8"])
        self.assertEqual(labels(one, two, split=("ranks", "isa")), ["ranks 1, isa 1", "ranks 8, isa 1"])

    def test_order_is_that_of_the_first_runs(self):
        found = groups.gather([Run(wd="0.3"), Run(wd="0.1"), Run(wd="0.3", seed=2), Run(wd="0.2")])
        self.assertEqual([group.options["wd"] for group in found], ["0.3", "0.1", "0.2"])


class Trained(support.Trained):
    WANTED = {"a": ["--epochs", "2", "--wd", "0.1"], "b": ["--epochs", "2", "--wd", "0.3"]}
    SEEDS = (1, 2)

    def groups(self, *arguments):
        return {group["label"]: group for group in self.report(*arguments)["groups"]}

    def one_group(self, *arguments):
        found = self.groups(*arguments)
        self.assertEqual(len(found), 1, list(found))
        return next(iter(found.values()))

    def two_groups(self, *arguments):
        self.assertEqual(len(self.groups(*arguments)), 2)

    def test_seeds_belong_together(self):
        found = self.groups(self.folder / "runs")
        self.assertEqual({label: group["seeds"] for label, group in found.items()}, {"wd 0.1": 2, "wd 0.3": 2})
        losses = [self.record(f"a-{seed}")["result"]["valid_loss"] for seed in self.SEEDS]
        self.assertAlmostEqual(found["wd 0.1"]["last"]["mean"], sum(losses) / 2, delta=1e-12)
        self.assertEqual(found["wd 0.3"]["difference"]["pairs"], 2)

    def test_equal_numbers_written_otherwise(self):
        self.one_group(self.run_folder("a-1"), self.copy("a-2", "written", set_option("wd", "1e-1")))

    def test_wd_bias_same(self):
        same = self.run_folder("a-1")
        self.one_group(same, self.copy("a-2", "spelt", set_option("wd-bias", "0.1")))
        self.two_groups(same, self.copy("a-2", "apart", set_option("wd-bias", "0.05")))

    def test_what_each_seed_finds_on_its_ratings(self):
        """Where sgd's 'auto' is found on the training ratings, every seed has a decay and a range of its own."""
        def found(optimizer, wd_bias, y_range):
            def edit(record):
                for name in ("optimizer", "wd-bias", "y-range"):
                    record["options"][name] = {"value": "auto", "source": "recipe"}
                record["training"] |= {"optimizer": optimizer, "wd_bias": wd_bias}
                record["model"]["y_range"] = y_range
            return edit
        self.one_group(self.copy("a-1", "one", found("sgd", 0.01, [0, 5.5])), self.copy("a-2", "two", found("sgd", 0.02, None)))
        self.two_groups(self.copy("a-1", "three", found("adam", 0.01, None)), self.copy("a-2", "four", found("adam", 0.02, None)))

    def test_run_of_an_older_version(self):
        """A run that lacks an option counts as having its default."""
        def older(record):
            del record["options"]["wd-bias"]
            del record["options"]["schedule"]
        self.one_group(self.copy("a-1", "older", older), self.run_folder("a-2"))
        changed = self.copy("a-2", "changed", set_option("schedule", "cosine"))
        self.assertEqual(list(self.groups(self.folder / "older", changed, self.run_folder("a-2"))),
                         ["schedule one-cycle", "schedule cosine"])

    def test_option_of_a_newer_version_shows(self):
        newer = self.copy("a-2", "newer", set_option("dropout", "0.5"))
        self.assertEqual(list(self.groups(self.run_folder("a-1"), newer)), ["dropout none", "dropout 0.5"])

    def test_what_matters(self):
        for name, value in (("lr-max", "0.01"), ("batch-size", "64"), ("epochs", "3"), ("optimizer", "sgd"),
                            ("init", "start.safetensors"), ("valid-pct", "0.1"), ("factors", "5"), ("model", "dot")):
            with self.subTest(name):
                self.two_groups(self.run_folder("a-1"), self.copy("a-2", f"matters-{name}", set_option(name, value)))

    def test_files_are_what_is_in_them(self):
        """The contents of files count, not their paths: the same initial values at two paths are equal, other ones at the same path are
        not."""
        start, plain = self.run_folder("a-1") / "model.safetensors", ["--epochs", "2"]
        places = [self.file(name, start.read_bytes()) for name in ("init.safetensors", "beside/init.safetensors")]
        one, two = (self.train(f"init-{seed}", *plain, "--seed", str(seed), "--init", place)
                    for seed, place in enumerate(places))
        self.one_group(one, two)
        places[0].write_bytes((self.run_folder("b-1") / "model.safetensors").read_bytes())
        other = self.train("init-other", *plain, "--seed", "0", "--init", places[0])
        done = self.compare(one, two, other, "--fail-if", "broken > 0")
        self.assertRegex(done.stdout, r"init init.safetensors [0-9a-f]{8} ")
        self.two_groups(one, two, other)

    def test_what_does_not(self):
        """Trained with other ranks, transport and instruction set, in another folder and at another time."""
        plain = ["--epochs", "2", "--wd", "0.1"]
        other = [self.train("scalar", *plain, "--seed", "1", "--isa", "scalar", "--log-steps"),
                 self.train("spread", *plain, "--seed", "1", "--transport", "tcp", ranks=3)]
        done = self.compare(self.run_folder("a-1"), *other, "--fail-if", "broken > 0")
        self.assertEqual(done.stderr, "")
        self.assertIn("other settings, which must not change the curve", done.stdout)
        group = self.one_group(self.run_folder("a-1"), *other)
        self.assertEqual((group["runs"], group["seeds"]), (3, 1))
        found = self.groups(self.run_folder("a-1"), *other, "--by", "ranks,isa")
        self.assertEqual(len(found), 3, list(found))
        for group in list(found.values())[1:]:
            self.assertEqual(group["difference"]["mean"], 0.0)
        report = self.report(self.run_folder("a-1"), *other)
        self.assertEqual([row["machine"]["ranks"] for row in report["machines"]], [1, 1, 3])
        self.assertEqual([row["curves"] for row in report["machines"]], ["same"] * 3)

    def test_broken_promise(self):
        """Equal options, seed and data, but another curve: a run of another seed whose record claims this one."""
        def pretend(record):
            record["seed"] = 1
            record["data"]["fingerprint"] = self.record("a-1")["data"]["fingerprint"]
            record["cluster"]["isa"] = "made-up"
        liar = self.copy("a-2", "liar", pretend)
        done = self.compare(self.run_folder("a-1"), liar, "--fail-if", "broken > 0", code=1)
        hashes = [self.record(name)["result"]["curve_sha256"][:12] for name in ("a-1", "a-2")]
        self.assertIn("the promise is broken: equal options and seed 1 of 'bias' gave 2 curves, which differ in isa: "
                      f"{hashes[0]} in {self.run_folder('a-1')}; {hashes[1]} in {liar}", done.stderr)
        self.assertIn("'broken > 0' is true\n", done.stderr)
        report = self.report(self.run_folder("a-1"), liar)
        self.assertEqual((report["broken"], {row["curves"] for row in report["machines"]}), (1, {"differ"}))
        apart = self.report(f"old={self.run_folder('a-1')}", f"new={liar}", "--by", "name")
        self.assertEqual((apart["broken"], len(apart["groups"])), (1, 2))

    def test_other_ratings_are_said(self):
        support.program("synth", "--users", "50", "--items", "90", "--ratings", "2500", "--out", self.folder / "less")
        other = self.folder / "on-less"
        support.program("--data", self.folder / "less", *support.TINY, "--epochs", "2", "--out", other)
        done = self.compare(self.run_folder("a-1"), other)
        self.assertIn("trained or validated on other ratings than 'ratings 3000 by 60 of 90'", done.stderr)
        self.assertEqual(self.compare(self.folder / "runs").stderr, "")

    def test_the_same_ratings_in_several_formats_count_once(self):
        """csv, tsv and '::' with one seed are one curve, not several pairs."""
        rows = [line.split(",") for line in (self.data / "ratings.csv").read_text().splitlines()]
        plain = ["--epochs", "2", "--seed", "1", *support.TINY]
        made = {}
        for name, mark in (("csv", ","), ("tsv", "\t"), ("dat", "::")):
            path = self.file(f"formats/ratings.{name}", "\n".join(map(mark.join, rows[1:])) + "\n")
            for wd in ("0.1", "0.3"):
                made[name, wd] = self.folder / f"formats/{name}-{wd}"
                support.program("--data", path, *plain, "--wd", wd, "--out", made[name, wd])
        report = self.report(*made.values())
        self.assertEqual([(group["runs"], group["seeds"]) for group in report["groups"]], [(3, 1), (3, 1)])
        gap = report["groups"][1]["difference"]
        self.assertEqual((gap["pairs"], gap["low"], gap["lacks"]), (1, None, "seeds"))
        self.assertTrue(report["verdicts"][0].endswith("too few seeds for an interval"), report["verdicts"])
        report = self.report(made["csv", "0.1"], made["tsv", "0.1"], made["tsv", "0.3"])
        self.assertEqual(report["groups"][1]["difference"]["kind"], "paired", "the tsv's run stands for the csv's")

    def test_seeds_without_effect_count_once(self):
        """With split, initial values and order from files the seed has no effect, and three seeds are one curve."""
        same = [self.copy("a-1", f"seedless-{seed}", put("seed", value=seed)) for seed in (1, 2, 3)]
        done = self.compare(*same, self.run_folder("b-1"), "--json", "-")
        report = json.loads(done.stdout)
        self.assertEqual((report["groups"][0]["runs"], report["groups"][0]["seeds"]), (3, 1))
        self.assertIn("3 seeds of 'wd 0.1' have the same curve, which counts once", done.stderr)
        self.assertIsNone(report["groups"][1]["difference"]["low"])

    def test_copies_of_a_history_count_once(self):
        copies = [self.file(f"others/{name}.csv", support.FASTAI) for name in "abc"]
        done = self.compare(*(f"others={path}" for path in copies), self.run_folder("a-1"), "--json", "-")
        self.assertEqual(json.loads(done.stdout)["groups"][0]["seeds"], 1)
        self.assertIn("3 files of 'others' have the same curve", done.stderr)

    def test_other_ratings_of_one_seed_do_not_add_a_curve(self):
        rows = (self.data / "ratings.csv").read_text().splitlines(True)
        path = self.file("shuffled/ratings.csv", "".join(rows[:1] + rows[2:] + rows[1:2]))
        other = self.folder / "shuffled/run"
        support.program("--data", path, *support.TINY, "--epochs", "2", "--seed", "1", "--out", other)
        done = self.compare(self.run_folder("a-1"), other, "--json", "-", "--fail-if", "broken > 0")
        self.assertEqual(json.loads(done.stdout)["groups"][0]["seeds"], 1)
        self.assertIn("equal options and seed 1 of 'bias', but other ratings: only the first run counts", done.stderr)

    def test_a_copied_folder_counts_once(self):
        group = self.one_group(self.run_folder("a-1"), self.copy("a-1", "copied"))
        self.assertEqual((group["runs"], group["seeds"]), (2, 1))

    def test_the_record_says_what_decides_the_curve(self):
        """The list for early records agrees with the records for the options that they have."""
        options = self.record("a-1")["options"]
        for name in runs.ASIDE:
            self.assertIs(options[name]["decides_curve"], False, name)
        for name in ("lr-max", "seed", "data", "y-range", "consistency", "batch-order"):
            self.assertIs(options[name]["decides_curve"], True, name)

    def test_an_option_is_told_apart_by_its_record(self):
        """An option that this program does not know, which affects the curve or does not."""
        def add(says):
            return put("options", "brand-new", value={"value": "2", "source": "command line", "decides_curve": says})
        self.one_group(self.run_folder("a-1"), self.copy("a-2", "no-say", record=add(False)))
        groups = self.report(self.run_folder("a-1"), self.copy("a-2", "a-say", record=add(True)))["groups"]
        self.assertEqual(len(groups), 2)

    def test_seeds_beyond_a_json_integer(self):
        """Seeds above 2^63 - 1 are recorded as strings."""
        seeds = (2**63 - 1, 2**63, 2**64 - 1)
        folders = [self.train(f"large-{seed}", "--epochs", "2", "--seed", seed) for seed in seeds]
        report = self.report(*folders)
        self.assertEqual(sorted(run["seed"] for run in report["runs"]), sorted(seeds))
        odd = self.copy("a-1", "odd-seed", record=put("seed", value="7x"))
        self.assertIn("no usable 'seed'", self.compare(self.run_folder("a-1"), odd).stderr)


class References(support.Trained):
    WANTED = {"a": ["--epochs", "3", "--wd", "0.1"], "b": ["--epochs", "3", "--wd", "0.3"]}

    def curves(self, **models):
        """A table of fastai's losses, with two seeds per model, slightly above and below the losses given."""
        lines = ["model,seed,epoch,train_loss,valid_loss"]
        for model, losses in models.items():
            lines += [f"{model},{seed},{epoch},1.0,{loss + sign * 0.01}" for seed, sign in ((1, -1), (2, 1))
                      for epoch, loss in enumerate(losses)]
        return self.file(f"{'-'.join(models)}.csv", "\n".join(lines) + "\n")

    def losses(self, name):
        return [epoch["valid_loss"] for epoch in runs.read_folder(str(self.run_folder(name)), None).curve]

    def test_goes_with_the_group_of_its_name(self):
        reference = self.curves(small=self.losses("a-1"), large=[9.0, 9.0, 9.0], unknown=[1.0, 1.0, 1.0])
        report = self.report(f"small={self.run_folder('a-1')}", f"large={self.run_folder('b-1')}",
                             "--reference", f"fastai={reference}")
        self.assertEqual({group["label"]: group["partner"] for group in report["groups"]},
                         {"small": "fastai: small", "large": "fastai: large", "fastai: small": "small",
                          "fastai: large": "large"})
        self.assertEqual(report["groups"][0]["beside"]["outside"], [])
        self.assertEqual(report["groups"][1]["beside"]["outside"], [0, 1, 2])
        self.assertIn("within the range of the reference's 2 seeds at every epoch: the mean curve of small",
                      report["verdicts"])
        self.assertIn("outside the range of 'fastai: large' at epoch 0, 1, 2: large", report["verdicts"])
        self.assertEqual(report["unmatched"], ["fastai: unknown"])

    def test_one_goes_with_the_only_group(self):
        mine = self.file("mine/history.csv", support.FASTAI)
        report = self.report(self.run_folder("a-1"), "--reference", f"fastai={mine}")
        self.assertEqual([(group["label"], group["partner"]) for group in report["groups"]],
                         [("bias", "fastai: mine"), ("fastai: mine", "bias")])
        self.assertFalse([line for line in report["verdicts"] if "range" in line], "a single curve has no range")

    def test_many_beside_no_namesake_are_all_shown(self):
        report = self.report(self.folder / "runs", "--reference", str(support.CURVES))
        shown = [group["label"] for group in report["groups"] if group["reference"]]
        self.assertEqual(shown[:2], ["reference: dot", "reference: dot-range"])
        self.assertEqual(len(shown), len({run["label"] for run in report["runs"]} - {"wd 0.1", "wd 0.3"}))

    def test_is_no_baseline(self):
        said = self.errors(self.run_folder("a-1"), "--reference", f"fastai={support.CURVES}",
                           "--baseline", "fastai: dot", code=3)
        self.assertIn("no finished run is called 'fastai: dot'", said)


if __name__ == "__main__":
    unittest.main()
