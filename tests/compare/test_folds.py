"""Folds are parts of the ratings, not seeds: how they are grouped, averaged, paired and shown."""

import math
import unittest

import support  # noqa: F401
from collab_ps.compare import groups, report as reports, stats, table
from collab_ps.record import runs

SETTINGS = {"title": "", "metric": "last", "baseline": None, "command": ""}
LOSSES = (0.90, 0.81, 0.86, 0.88, 0.84)
T4 = 2.776445  # Student's t of 4 degrees of freedom at 95 %


def fold_run(name, fold, loss, seed=1, folds=5, mae=0.7):
    """A made-up run on a fold; None stands for a random split."""
    run = runs.Run(f"runs/{name}-{fold}-{seed}", None, [{"epoch": 0, "train_loss": 1.0, "valid_loss": loss, "mae": mae,
                                                         "time": 1.0}], seed)
    run.options = {"wd": name, "fold": "none" if fold is None else f"{fold}/{folds}"}
    run.defaults = {"fold": "none"}
    runs.take_fold(run)
    run.fingerprint, run.foreign, run.train_ratings = f"fold {fold} of {folds}, seed {seed}", False, 100
    return run


def cell(name, losses=LOSSES, **more):
    return [fold_run(name, fold, loss, **more) for fold, loss in enumerate(losses, 1)]


def report(*made):
    return reports.build(groups.gather(list(made)), [], SETTINGS)


class Folds(unittest.TestCase):
    def test_they_are_one_group(self):
        found = report(*cell("0.1"))["groups"]
        self.assertEqual([(group["seeds"], group["curves"], group["folds"]["count"]) for group in found], [(1, 5, 5)])
        self.assertAlmostEqual(found[0]["last"]["mean"], sum(LOSSES) / 5)

    def test_another_number_of_folds_is_another_group(self):
        found = report(*cell("0.1"), *cell("0.1", LOSSES[:3], folds=3), fold_run("0.1", None, 0.8))["groups"]
        self.assertEqual([group["label"] for group in found], ["folds 5", "folds 3", "folds none"])
        self.assertEqual([group["folds"] and group["folds"]["count"] for group in found], [5, 3, None])

    def test_pairs_are_folds_of_one_seed(self):
        low = [loss - 0.01 - 0.001 * fold for fold, loss in enumerate(LOSSES)]
        made = report(*cell("0.1"), *cell("0.2", low))
        gap = made["groups"][1]["difference"]
        differences = [a - b for a, b in zip(low, LOSSES)]
        half = T4 * stats.deviation(differences) * math.sqrt(1 / 5 + 1 / 4)
        self.assertEqual((gap["kind"], gap["pairs"]), ("paired", 5))
        self.assertAlmostEqual(gap["mean"], sum(differences) / 5)
        self.assertAlmostEqual(gap["high"] - gap["mean"], half, delta=1e-7)
        self.assertIn("over 5 folds", made["verdicts"][0])
        other = report(*cell("0.1"), *cell("0.2", low, seed=2))["groups"][1]["difference"]
        self.assertEqual(other["kind"], "unpaired", "another seed cuts the ratings otherwise")

    def test_seeds_repeat_them(self):
        again = [loss + 0.0123 for loss in LOSSES]
        made = report(*cell("0.1"), *cell("0.1", again, seed=2))
        group = made["groups"][0]
        self.assertEqual((group["seeds"], group["curves"], group["folds"]["seeds"]), (2, 10, 2))
        self.assertAlmostEqual(group["folds"]["rmse"]["each"][0], (math.sqrt(0.90) + math.sqrt(0.9123)) / 2)

    def test_rmse_and_mae_fold_by_fold(self):
        told = report(*cell("0.1"))["groups"][0]["folds"]
        roots = [math.sqrt(loss) for loss in LOSSES]
        self.assertEqual(told["rmse"]["each"], roots)
        self.assertAlmostEqual(told["rmse"]["mean"], sum(roots) / 5)
        self.assertAlmostEqual(told["rmse"]["sd"], stats.deviation(roots))
        self.assertAlmostEqual(told["rmse"]["high"] - told["rmse"]["mean"],
                               T4 * stats.deviation(roots) * math.sqrt(1 / 5 + 1 / 4), delta=1e-7)
        self.assertEqual((told["mae"]["mean"], told["mae"]["low"]), (0.7, None), "no variance, and so no interval")
        self.assertIsNone(report(*cell("0.1", mae=None))["groups"][0]["folds"]["mae"])

    def test_the_table_shows_them(self):
        text = table.render(report(*cell("0.1"), *cell("0.2", [loss + 0.01 for loss in LOSSES])))
        self.assertIn("5-fold cross-validation\nRMSE", text)
        self.assertRegex(text, r"\nRMSE +fold 1 +fold 2 +fold 3 +fold 4 +fold 5 +mean +sd +95 % interval\nwd 0.1 +0.9487 ")

    def test_missing_folds_are_said(self):
        made = report(*cell("0.1")[:3], *cell("0.2"))
        self.assertEqual(made["groups"][0]["folds"]["missing"], [4, 5])
        self.assertIn("'wd 0.1' lacks fold 4, 5 of 5: its mean covers only some of the ratings", made["warnings"])
        self.assertEqual(made["groups"][1]["difference"]["pairs"], 3, "pairs are the folds that both have")


if __name__ == "__main__":
    unittest.main()
