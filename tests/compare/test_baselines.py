"""The losses of predictions without a model, and groups that are no better."""

import unittest

import support  # noqa: F401
from collab_ps.compare import groups, report as reports, table
from collab_ps.record import runs

LOSSES = {"mean": 1.25, "biases": 0.90}


def run_of(label, seed, loss, baselines):
    """A run that was not trained, with made-up losses."""
    made = runs.Run(f"runs/{label}-{seed}", label, [{"epoch": 0, "train_loss": 1.0, "valid_loss": loss, "mae": 0.7,
                                                     "time": 1.0}], seed)
    made.options, made.fingerprint, made.foreign = {"cell": label}, f"seed {seed}", False
    made.train_ratings, made.baselines = 100, baselines
    return made


def report(**losses):
    """The report of {label: loss}, with baselines that depend on the seed."""
    made = [run_of(label, seed, loss + 0.01 * seed, {kind: value + 0.01 * seed for kind, value in LOSSES.items()})
            for label, loss in losses.items() for seed in (1, 2)]
    return reports.build(groups.gather(made), [], {"title": "", "metric": "last", "baseline": None, "command": ""})


class Baselines(unittest.TestCase):
    def test_loss_and_gap(self):
        found = report(good=0.8)["groups"][0]["baselines"]
        self.assertAlmostEqual(found["mean"]["loss"], 1.265)
        self.assertAlmostEqual(found["biases"]["gap"], -0.1)

    def test_who_does_not_beat_them_is_said(self):
        made = report(good=0.8, weak=0.95, bad=1.3)
        self.assertIn("no better than user and item biases, fitted in closed form: 'weak'", made["verdicts"])
        self.assertIn("no better than the mean of the ratings, which needs no model: 'bad'", made["verdicts"])
        self.assertFalse([line for line in report(good=0.8)["verdicts"] if "no better" in line])
        level = report(level=0.90)["verdicts"]
        self.assertTrue(any("no better than user and item biases" in line for line in level), "as good is not better")

    def test_in_a_line_where_all_have_the_same(self):
        self.assertIn("on the same ratings: the mean of the ratings 1.265000, user and item biases 0.915000\n",
                      table.render(report(good=0.8, weak=0.95)))

    def test_group_by_group_where_they_differ(self):
        """As in an experiment over several data sets."""
        made = [run_of("one", 1, 0.8, LOSSES), run_of("two", 1, 2.0, {"mean": 3.5, "biases": 2.3})]
        text = table.render(reports.build(groups.gather(made), [], {"title": "", "metric": "last", "baseline": None,
                                                                    "command": ""}))
        self.assertRegex(text, r"valid_loss on the same ratings\n +the mean of the ratings +user and item biases\n"
                               r"one +1.250000 +0.900000\ntwo +3.500000 +2.300000\n")

    def test_records_without_them(self):
        made = run_of("old", 1, 0.8, {"mean": None, "biases": None})
        built = reports.build(groups.gather([made]), [], {"title": "", "metric": "last", "baseline": None,
                                                          "command": ""})
        self.assertIsNone(built["groups"][0]["baselines"])
        self.assertNotIn("on the same ratings", table.render(built))


if __name__ == "__main__":
    unittest.main()
