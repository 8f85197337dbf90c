"""Student's quantiles compared with published tables and closed forms, intervals with published examples."""

import math
import unittest

import support  # noqa: F401
from collab_ps.compare import stats

# NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.6.7.2: upper critical values of Student's t,
# {degrees of freedom: (at 0.975, at 0.995, at 0.999)}; inside on both sides 0.95, 0.99 and 0.998.
TABLE = {1: (12.706, 63.657, 318.309), 2: (4.303, 9.925, 22.327), 3: (3.182, 5.841, 10.215),
         4: (2.776, 4.604, 7.173), 5: (2.571, 4.032, 5.893), 7: (2.365, 3.499, 4.785), 9: (2.262, 3.250, 4.297),
         10: (2.228, 3.169, 4.144), 15: (2.131, 2.947, 3.733), 20: (2.086, 2.845, 3.552), 30: (2.042, 2.750, 3.385),
         60: (2.000, 2.660, 3.232), 100: (1.984, 2.626, 3.174)}

# Student (1908), "The probable error of a mean", Biometrika 6: hours of sleep gained by ten patients with one
# drug and the other. The intervals are those that R's help for t.test gives for its data set 'sleep'.
FIRST = (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0)
SECOND = (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4)


def by_seed(values, first=1):
    return dict(enumerate(values, first))


def difference(values, others, *level):
    """The difference if all equal seeds can be paired."""
    return stats.difference(values, others, [seed for seed in values if seed in others], *level)


class Quantiles(unittest.TestCase):
    def test_published_table(self):
        for freedom, row in TABLE.items():
            for level, want in zip((0.95, 0.99, 0.998), row):
                with self.subTest(freedom=freedom, level=level):
                    self.assertAlmostEqual(stats.t_quantile(freedom, level), want, delta=0.00051)

    def test_closed_forms(self):
        """For 1, 2 and 4 degrees of freedom (Shaw 2006, J. Computational Finance 9(4)), at the levels of
        simultaneous intervals of many groups."""
        for count in (1, 2, 18, 200, 5000):
            level = stats.joint_level(count)
            p = (1 + level) / 2
            a = 4 * p * (1 - p)
            want = {1: math.tan(math.pi * (p - 0.5)), 2: 2 * (p - 0.5) * math.sqrt(2 / a),
                    4: 2 * math.sqrt(math.cos(math.acos(math.sqrt(a)) / 3) / math.sqrt(a) - 1)}
            for freedom, t in want.items():
                with self.subTest(freedom=freedom, count=count):
                    self.assertAlmostEqual(stats.t_quantile(freedom, level) / t, 1, delta=1e-6)

    def test_many_degrees_are_the_normal_distribution(self):
        self.assertAlmostEqual(stats.t_quantile(1e6), 1.959964, delta=1e-4)

    def test_broken_degrees_lie_between(self):
        self.assertTrue(stats.t_quantile(3) < stats.t_quantile(2.5) < stats.t_quantile(2))


class Intervals(unittest.TestCase):
    def check(self, gap, mean, low, high, kind, pairs, delta=1e-6):
        self.assertEqual((gap["kind"], gap["pairs"]), (kind, pairs))
        for name, want in (("mean", mean), ("low", low), ("high", high)):
            self.assertAlmostEqual(gap[name], want, delta=delta, msg=name)

    def test_paired_on_students_own_data(self):
        gap = difference(by_seed(FIRST), by_seed(SECOND))
        self.check(gap, -1.58, -2.4598858, -0.7001142, "paired", 10)

    def test_welch_on_students_own_data(self):
        gap = stats.unpaired(list(FIRST), list(SECOND))
        self.check(gap, -1.58, -3.3654832, 0.2054832, "unpaired", 0)

    def test_paired_by_the_formula(self):
        """mean ± t · s/√n, with t of the table."""
        gap = stats.paired([1.0, 2.0, 3.0, 4.0])
        half = 3.182446 * math.sqrt(5 / 3) / 2
        self.check(gap, 2.5, 2.5 - half, 2.5 + half, "paired", 4)

    def test_welch_of_unequal_sizes_and_spreads(self):
        """As scipy 1.10 has it, with 4.00459 degrees of freedom."""
        gap = stats.unpaired([3.0, 4.0, 1.0, 2.1], [490.0, 340.0, 433.0, 402.0, 360.0])
        self.check(gap, -402.475000, -476.620362, -328.329638, "unpaired", 0)

    def test_joint_intervals_are_wider_and_hold_the_plain_ones(self):
        plain = difference(by_seed(FIRST), by_seed(SECOND))
        wide = difference(by_seed(FIRST), by_seed(SECOND), stats.joint_level(18))
        self.assertEqual(plain["mean"], wide["mean"])
        self.assertLess(wide["low"], plain["low"])
        self.assertGreater(wide["high"], plain["high"])
        self.assertAlmostEqual(stats.joint_level(18), 1 - 0.05 / 18)
        self.assertEqual(stats.joint_level(1), 0.95)
        self.assertEqual(stats.joint_level(0), 0.95)


class Choice(unittest.TestCase):
    """Which interval is used, and when there is none."""

    def test_pairs_are_those_that_agree(self):
        gap = difference(by_seed([1.0, 2.0, 4.0]), by_seed([1.0, 1.5, 9.0], first=2))
        self.assertEqual((gap["kind"], gap["pairs"], gap["mean"]), ("paired", 2, (1.0 + 2.5) / 2))

    def test_none_shared(self):
        self.assertEqual(stats.difference(by_seed(FIRST), by_seed(SECOND), [])["kind"], "unpaired")

    def test_one_pair_of_many_is_too_few(self):
        gap = difference(by_seed([1.0, 2.0]), by_seed([1.0, 3.0], first=2))
        self.assertEqual(gap["kind"], "unpaired")

    def test_without_an_interval(self):
        one, two, three = by_seed([1.0]), by_seed([2.0, 2.5]), by_seed([7.0], first=5)
        for values, others, mean, kind in ((one, one, 0.0, "paired"), (one, two, -1.0, "paired"),
                                           (one, three, -6.0, "unpaired"), (three, two, 4.75, "unpaired")):
            with self.subTest(values=values, others=others):
                gap = difference(values, others)
                self.assertEqual((gap["mean"], gap["low"], gap["high"], gap["kind"]), (mean, None, None, kind))

    def test_no_variance_proves_nothing(self):
        for kind, gap in (("paired", stats.paired([0.25, 0.25, 0.25])), ("rounded", stats.paired([0.1, 0.3 - 0.2])),
                          ("unpaired", stats.unpaired([1.25, 1.25], [1.0, 1.0, 1.0]))):
            with self.subTest(kind=kind):
                self.assertEqual((gap["low"], gap["high"], gap["lacks"]), (None, None, "variance"))
                self.assertGreater(gap["mean"], 0)

    def test_equal_curves_are_equal(self):
        gap = stats.paired([0.0, 0.0])
        self.assertEqual((gap["mean"], gap["low"], gap["high"], gap["lacks"]), (0.0, 0.0, 0.0, None))


class Moments(unittest.TestCase):
    def test_deviation_is_that_of_a_sample(self):
        self.assertAlmostEqual(stats.deviation([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), math.sqrt(32 / 7))

    def test_of_few(self):
        self.assertIsNone(stats.mean([]))
        self.assertIsNone(stats.deviation([]))
        self.assertIsNone(stats.deviation([1.0]))

    def test_close_losses_keep_their_digits(self):
        self.assertAlmostEqual(stats.deviation([1e6 + 1e-3, 1e6 - 1e-3]) / math.sqrt(2) / 1e-3, 1, delta=1e-6)


if __name__ == "__main__":
    unittest.main()
