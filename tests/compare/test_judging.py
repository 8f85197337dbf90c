"""The lowest group and its significance; the baseline, the metric, and exit codes for scripts."""

import unittest

import support
from collab_ps.compare import groups, report as reports, stats, verdicts
from collab_ps.record import runs
from support import put


class Trained(support.Trained):
    WANTED = {"a": ["--wd", "0.1", "--epochs", "4"], "b": ["--wd", "0.5", "--epochs", "4"],
              "c": ["--wd", "0.1", "--epochs", "4", "--lr-max", "0.05"]}
    SEEDS = (1, 2, 3)

    def setUp(self):
        self.named = [f"{name}={folder}" for name in self.WANTED for folder in self.run_folders(name)]

    def last(self, name):
        return [self.record(f"{name}-{seed}")["result"]["valid_loss"] for seed in self.SEEDS]

    def best(self, name):
        return [self.record(f"{name}-{seed}")["result"]["best_valid_loss"] for seed in self.SEEDS]

    def entry(self, report, label):
        return next(group for group in report["groups"] if group["label"] == label)


class Verdicts(Trained):
    def test_lowest_of_two_by_its_own_interval(self):
        report = self.report(*self.named[:3], *self.named[6:])
        gap = self.entry(report, "c")["difference"]
        self.assertEqual((gap["low"], gap["high"]), (gap["joint_low"], gap["joint_high"]))
        self.assertEqual(report["compared"], 1)
        verdict = report["verdicts"][0]
        self.assertTrue(verdict.startswith("lowest valid_loss: 'c' with "), verdict)
        self.assertTrue(verdict.endswith(f"(95 % interval {-gap['high']:.6f} to {-gap['low']:.6f})"), verdict)

    def test_lowest_of_many_by_the_joint_interval(self):
        report = self.report(*self.named)
        gap = self.entry(report, "c")["difference"]
        differences = [c - a for c, a in zip(self.last("c"), self.last("a"))]
        want = stats.paired(differences, 1 - 0.05 / 2)
        self.assertAlmostEqual(gap["mean"], want["mean"], delta=1e-12)
        self.assertAlmostEqual(gap["joint_low"], want["low"], delta=1e-12)
        self.assertAlmostEqual(gap["joint_high"], want["high"], delta=1e-12)
        self.assertAlmostEqual(gap["low"], stats.paired(differences)["low"], delta=1e-12)
        self.assertLess(gap["joint_low"], gap["low"])
        self.assertIn(f"(95 % interval {-gap['joint_high']:.6f} to {-gap['joint_low']:.6f}, for the best of 2)",
                      report["verdicts"][0])

    def test_lowest_of_many_need_not_be_told_apart(self):
        """One of 19 differences is barely significant alone, and not significant as the lowest of many."""
        differences = [-0.01 + 0.011 * (-1) ** seed for seed in range(8)]
        self.assertLess(stats.paired(differences)["high"], 0.0)
        self.assertGreater(stats.paired(differences, stats.joint_level(19))["high"], 0.0)

    def test_baseline_is_lowest(self):
        report = self.report(*self.named, "--baseline", "c")
        self.assertTrue(report["verdicts"][0].endswith(", the baseline; significantly different from all others"),
                        report["verdicts"])

    def test_baseline_is_lowest_but_near(self):
        """With runs that differ from it only in an option that does not affect the curve."""
        twins = [self.copy(f"c-{seed}", f"twin-{seed}", put("options", "tag", value={"value": "x", "source": "file"}))
                 for seed in self.SEEDS]
        report = self.report(*(f"twin={twin}" for twin in twins), *self.named, "--baseline", "c")
        self.assertTrue(report["verdicts"][0].endswith(", the baseline; not significantly different from 'twin'"),
                        report["verdicts"])

    def test_all_equal(self):
        copies = [self.copy("a-1", f"equal-{i}", put("cluster", "isa", value=f"made-up-{i}")) for i in range(3)]
        report = self.report(*copies, "--by", "isa")
        self.assertEqual(report["verdicts"][0], f"lowest valid_loss: none, all 3 have {self.last('a')[0]:.6f}")

    def test_too_few_seeds(self):
        report = self.report(self.named[0], self.named[6])
        self.assertTrue(report["verdicts"][0].endswith("to 'a', too few seeds for an interval"), report["verdicts"])
        report = self.report(self.named[0], self.named[6], "--baseline", "c")
        self.assertTrue(report["verdicts"][0].endswith(", the baseline; too few seeds for an interval"))

    def test_alone(self):
        verdicts = self.report(*self.named[:3])["verdicts"]
        self.assertFalse([line for line in verdicts if "lowest" in line], verdicts)


class Words(unittest.TestCase):
    """The verdict on a lowest group that is not the baseline."""

    def standing(self, low, high, joint_low, joint_high, compared=5):
        gap = {"mean": -0.5, "low": low, "high": high, "joint_low": joint_low, "joint_high": joint_high, "pairs": 3,
               "lacks": "seeds" if low is None else None}
        return verdicts.standing({"baseline": "a", "baseline_curves": 3, "compared": compared, "groups": []},
                                 {"label": "b", "difference": gap, "curves": 3})

    def test_told_apart(self):
        self.assertEqual(self.standing(-0.7, -0.3, -0.8, -0.25), ", 0.500000 below 'a' (95 % interval 0.250000 to "
                                                                 "0.800000, for the best of 5)")

    def test_told_apart_alone_but_not_as_the_best_of_five(self):
        self.assertEqual(self.standing(-0.9, -0.1, -1.1, 0.1), ", not significantly different from 'a' (-0.500000, 95 % "
                                                               "interval -0.100000 to 1.100000, for the best of 5)")

    def test_only_one_compared(self):
        said = self.standing(-0.9, -0.1, -0.9, -0.1, compared=1)
        self.assertTrue(said.endswith("(95 % interval 0.100000 to 0.900000)"), said)

    def test_few_seeds(self):
        self.assertEqual(self.standing(None, None, None, None),
                         ", difference -0.500000 to 'a', too few seeds for an interval")

    def test_shared_seeds_are_said(self):
        report = {"baseline": "a", "baseline_curves": 8, "compared": 1, "groups": []}
        gap = {"mean": -0.5, "joint_low": -0.6, "joint_high": -0.4, "pairs": 2, "lacks": None}
        self.assertIn("below 'a' on 2 shared seeds (95 %", verdicts.standing(report, {"label": "b", "difference": gap,
                                                                                    "curves": 4}))



class SharedSeeds(unittest.TestCase):
    """Groups with different seeds: verdict and difference use the same ones."""

    BASE = {1: 1.00, 2: 0.90, 3: 0.80, 4: 0.70, 5: 0.60}

    def report(self, losses, baseline="base"):
        """The report of {label: {seed: loss}}."""
        return reports.build(groups.gather([made_up(*run) for run in made_up_runs(losses)]), [],
                             {"title": "", "metric": "last", "baseline": baseline, "command": ""})

    def test_lowest_is_not_who_drew_the_kindest_seeds(self):
        """'e' has the lowest mean, because its two seeds have low losses in all groups, but is worse on both than the baseline."""
        report = self.report({"base": self.BASE, "e": {4: 0.71, 5: 0.62}})
        self.assertAlmostEqual(report["groups"][1]["difference"]["mean"], 0.015)
        self.assertLess(report["groups"][1]["last"]["mean"], report["groups"][0]["last"]["mean"])
        self.assertTrue(report["verdicts"][0].startswith("lowest valid_loss: 'base' with 0.800000"), report["verdicts"])
        self.assertEqual(report["lowest"], "base")

    def test_verdict_agrees_with_the_interval(self):
        """An interval that excludes zero is significant, on either side."""
        worse = {4: 0.7101, 5: 0.6102}
        report = self.report({"base": self.BASE, "e": worse})
        self.assertGreater(report["groups"][1]["difference"]["low"], 0)
        self.assertTrue(report["verdicts"][0].endswith("the baseline; significantly different from all others"))
        report = self.report({"base": self.BASE, "e": worse}, baseline="e")
        self.assertIn("lowest valid_loss: 'base'", report["verdicts"][0])
        self.assertIn("0.010150 below 'e' on 2 shared seeds (95 % interval", report["verdicts"][0])

    def test_all_level(self):
        report = self.report({"base": self.BASE, "same": dict(self.BASE)})
        self.assertEqual(report["verdicts"], ["lowest valid_loss: none, all 2 have 0.800000"])

    def test_no_variance(self):
        report = self.report({"base": self.BASE, "low": {seed: loss - 0.25 for seed, loss in self.BASE.items()}})
        self.assertTrue(report["verdicts"][0].endswith("to 'base', no variance between seeds, and so no interval"),
                        report["verdicts"])


def made_up_runs(losses):
    return [(label, seed, loss) for label, seeds in losses.items() for seed, loss in seeds.items()]


def made_up(label, seed, loss):
    """A made-up run of this program."""
    run = runs.Run(f"runs/{label}-{seed}", label, [{"epoch": 0, "train_loss": 1.0, "valid_loss": loss, "time": 1.0}],
                   seed)
    run.options, run.fingerprint, run.foreign, run.train_ratings = {"cell": label}, f"data, seed {seed}", False, 100
    return run


class Settings(Trained):
    def test_metric_best(self):
        report = self.report(*self.named, "--metric", "best")
        differences = [c - a for c, a in zip(self.best("c"), self.best("a"))]
        self.assertAlmostEqual(self.entry(report, "c")["difference"]["mean"], stats.mean(differences), delta=1e-12)
        self.assertTrue(report["verdicts"][0].startswith("lowest best valid_loss: "))
        shown = self.compare(*self.named, "--metric", "best").stdout
        self.assertIn("best valid_loss of each run", shown)

    def test_metric_best_in_rules(self):
        """valid_loss and baseline use the same metric."""
        best = stats.mean(self.best("c"))
        for rule, code in ((f"valid_loss > {best - 1e-9} and valid_loss < {best + 1e-9}", 1),
                           ("valid_loss < baseline + difference + 1e-9", 1),
                           ("valid_loss < baseline + difference - 1e-9", 0),
                           ("valid_loss == best and baseline == baseline.best", 1), ("last < best", 0)):
            with self.subTest(rule):
                self.compare(*self.named[:3], *self.named[6:], "--metric", "best", "--quiet", "--fail-if", rule,
                             code=code)

    def test_baseline(self):
        for wanted in ("c", self.run_folder("c-2"), f"{self.run_folder('c-1')}/"):
            with self.subTest(wanted):
                report = self.report(*self.named, "--baseline", str(wanted))
                self.assertEqual(report["baseline"], "c")
                self.assertIsNone(self.entry(report, "c")["difference"])
                self.assertIsNotNone(self.entry(report, "a")["difference"])
        self.assertEqual(self.report(*self.named)["baseline"], "a")

    def test_baseline_by_relative_path(self):
        done = self.compare("runs/a-1", "runs/c-1", "--baseline", "./runs/c-1", cwd=self.folder)
        self.assertIn("lr-max 0.05 (baseline)", done.stdout)

    def test_baseline_is_nobody(self):
        said = self.errors(*self.named, "--baseline", "d", code=3)
        self.assertIn("no finished run is called 'd', which should be the baseline", said)
        self.assertIn("hint: there are 'a', 'b', 'c'", said)

    def test_old_beside_new(self):
        """Runs with equal options, separated by the name of the baseline, as when two versions are compared."""
        new = [self.copy(f"a-{seed}", f"new-{seed}", put("versions", "collab-ps", value="9.9")) for seed in self.SEEDS]
        arguments = [*(f"old={folder}" for folder in self.run_folders("a")), *(f"new={folder}" for folder in new)]
        self.assertEqual(len(self.report(*arguments)["groups"]), 1)
        done = self.compare(*arguments, "--baseline", "old", "--fail-if", "valid_loss > baseline + 0.002")
        self.assertIn("new ", done.stdout)
        self.compare(*arguments, "--baseline", "old", "--fail-if", "valid_loss > baseline - 0.002", code=1)

    def test_options_between_the_runs(self):
        report = self.report(self.named[0], "--title", "between", self.named[6], "--metric", "best", self.named[3])
        self.assertEqual((report["title"], report["metric"], len(report["groups"])), ("between", "best", 3))


class Rules(Trained):
    def fails(self, *fail_if, code, runs=None):
        rules = [part for rule in fail_if for part in ("--fail-if", rule)]
        return self.compare(*(runs or self.named), "--quiet", *rules, code=code).stderr

    def test_true_is_one(self):
        said = self.fails("valid_loss < baseline", code=1)
        self.assertEqual(said, "collab-ps: error: 'valid_loss < baseline' is true of 'c'\n")

    def test_false_is_zero(self):
        said = self.fails("valid_loss > baseline + 100", "seeds != 3", "skipped > 0", "broken > 0", code=0)
        self.assertEqual(said, "")

    def test_every_rule_and_group_is_told(self):
        said = self.fails("seeds == 3", "skipped == 0", "high < 0", code=1)
        self.assertEqual(said.count("'seeds == 3' is true of"), 3)
        self.assertEqual(said.count("'skipped == 0' is true\n"), 1)
        self.assertEqual(said.count("'high < 0' is true of 'c'"), 1)

    def test_values(self):
        mean = stats.mean(self.last("a"))
        for rule in (f"valid_loss > {mean - 1e-9} and valid_loss < {mean + 1e-9}", "epochs == 4", "seeds == 3",
                     f"sd > {stats.deviation(self.last('a')) - 1e-9}", "seconds > 0", "train_loss > 0",
                     "last == valid_loss", "best <= last", "1 > 0"):
            with self.subTest(rule):
                self.fails(rule, code=1, runs=self.named[:3])

    def test_wrong_usage_is_two_and_says_nothing_else(self):
        """Before any run is read: not even a missing run is reported."""
        deep = "(" * 60 + "1" + ")" * 60 + " > 0"
        for rule in ("valid_loss >", "loss > 1", "baseline.nothing > 1", "", deep, "1e999x"):
            with self.subTest(rule):
                said = self.errors("nothing-there", "--fail-if", rule, code=2)
                self.assertNotIn("warning: ", said)
        self.assertIn("division by zero", self.fails("1 / (baseline - baseline) > 0", code=2))

    def test_nothing_to_judge_is_three(self):
        self.assertIn("there is no group beside the baseline", self.fails("valid_loss > baseline", code=3,
                                                                          runs=self.named[:3]))
        self.assertIn("'b' has no 'low' to judge", self.fails("low > 0", code=3, runs=[self.named[0], self.named[3]]))
        self.assertIn("'a' has no 'reference' to judge", self.fails("valid_loss > reference", code=3))

    def test_reference(self):
        curves = self.file("curves.csv", "model,seed,epoch,valid_loss\na,1,0,0.5\n")
        runs = [*self.named[:3], "--reference", f"fastai={curves}"]
        self.fails("valid_loss > reference + 0.002", code=1, runs=runs)
        self.fails("valid_loss < reference", code=0, runs=runs)
        self.fails("reference.best == 0.5", code=1, runs=runs)

    def test_table_and_files_come_all_the_same(self):
        out = self.folder / "report"
        done = self.compare(*self.named, "--fail-if", "1 > 0", "--out", out, code=1)
        self.assertIn("lowest valid_loss", done.stdout)
        self.assertTrue((out / "compare.html").exists())


class Usage(support.Scratch):
    def test_wrong_usage(self):
        for arguments, words in (((), "required: [NAME=]RUN"), (("x", "--metric", "worst"), "invalid choice: 'worst'"),
                                 (("x", "--nothing"), "unrecognized arguments: --nothing"),
                                 (("x", "--by", "moon"), "--by: cannot split by 'moon'"),
                                 (("x", "--by", "ranks,moon"), "--by: cannot split by 'moon'"),
                                 (("x", "--fail-if"), "expected one argument"),
                                 (("x", "--csv", "-", "--json", "-"), "--csv and --json cannot both be on standard")):
            with self.subTest(arguments):
                said = self.errors(*arguments, code=2)
                self.assertIn(words, said)
                self.assertIn("hint: ", said)

    def test_help(self):
        done = self.compare("--help")
        self.assertEqual(done.stderr, "")
        for words in ("--fail-if", "--baseline", "exit codes: 0 done, 1 a rule", "valid_loss > baseline + 0.002"):
            self.assertIn(words, done.stdout)


if __name__ == "__main__":
    unittest.main()
