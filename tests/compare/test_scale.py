"""The axis of differences: linear, or logarithmic if there are outliers; ticks that do not overlap."""

import math
import unittest

import support  # noqa: F401
from collab_ps.page import scale


def report(*means):
    return {"groups": [{"difference": None}] + [{"difference": {"mean": mean, "low": None, "high": None}}
                                                for mean in means]}


class Axis(unittest.TestCase):
    def test_plain(self):
        for means in ((), (0.0,), (0.1,), (-0.01, 0.02, 0.05)):
            self.assertIsNone(scale.axis(report(*means)), means)

    def test_bent_where_one_lies_far_out(self):
        axis = scale.axis(report(-0.01, 0.01, 0.02, 8.0))
        self.assertEqual(axis["bend"], 0.01)
        self.assertIn(0.0, axis["ticks"])
        self.assertIn(1.0, axis["ticks"])
        self.assertEqual(axis["ticks"], sorted(axis["ticks"]))

    def test_ticks_find_room(self):
        for low, high, bend in ((-0.02, 8.0, 0.01), (-1e-6, 1e5, 1e-4), (0.0, 3e-7, 1e-9), (-50.0, 0.0, 0.02)):
            found = scale.ticks(low, high, bend)
            places = [math.asinh(tick / bend) for tick in found]
            room = 0.1 * (math.asinh(high / bend) - math.asinh(low / bend))
            self.assertTrue(all(b - a > room for a, b in zip(places, places[1:])), found)
            self.assertTrue(3 <= len(found) and all(low <= tick <= high for tick in found), found)


if __name__ == "__main__":
    unittest.main()
