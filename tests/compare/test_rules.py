"""The grammar of --fail-if: the meaning of rules, and the refusal of everything else as wrong usage."""

import unittest

import support  # noqa: F401
from collab_ps.compare import judge, rules
from collab_ps.files import USAGE, Failure

VALUES = {"valid_loss": 0.81, "best": 0.80, "baseline": 0.80, "baseline.sd": 0.007, "sd": 0.01, "seeds": 8, "zero": 0}

TRUTHS = {
    "valid_loss > baseline": True, "valid_loss < baseline": False, "valid_loss > baseline + 0.002": True,
    "valid_loss > baseline + 0.02": False, "seeds == 8": True, "seeds != 8": False, "seeds >= 8": True,
    "seeds <= 7.5": False, "best==baseline": True, "valid_loss>baseline.sd": True,
    # products before sums, sums before tests
    "2 + 3 * 4 == 14": True, "(2 + 3) * 4 == 20": True, "2 * 3 + 4 == 10": True, "10 - 4 - 3 == 3": True,
    "16 / 4 / 2 == 2": True, "12 / 4 * 3 == 9": True, "-2 * -3 == 6": True, "1 - -1 == 2": True, "--1 == 1": True,
    "-(1 + 2) == -3": True, "((1)) == 1": True, "(1 + 1) / 2 < 1.5": True,
    # 'and' before 'or', brackets around either
    "1 < 2 or 1 > 2 and 1 > 2": True, "(1 < 2 or 1 > 2) and 1 > 2": False, "1 > 2 and 1 > 2 or 1 < 2": True,
    "1 > 2 or 1 > 2 or 1 < 2": True, "1 < 2 and 1 < 2 and 1 > 2": False, "((1 < 2))": True,
    "(1 < 2) and ((seeds) > 7)": True, "(seeds > 7 and (1 > 2 or sd > 0)) or 1 > 2": True,
    # numbers
    "1e-3 == .001": True, "1E+2 == 100.": True, "5. > 4": True,
}

REFUSED = {
    "": "its end", "   ": "its end", "valid_loss": "its end", "valid_loss >": "its end", "> 1": "'>'",
    "1 < 2 < 3": "'<'", "1 < 2 and": "its end", "or 1 < 2": "'or'", "1 < 2 or or 1 < 2": "'or'", "(1 < 2": "'<'",
    "1 < 2)": "')'", "(1 < 2) + 1 > 0": "'<'", "(1 < 2) < 3": "'<'", "1 + < 2": "'<'", "* 2 < 3": "'*'",
    "1 2 < 3": "'2'", "not 1 < 2": "'1'", "a b > 1": "'b'", "1.2.3 > 1": "'.3'", "f(1) > 2": "'('", "() > 1": "')'",
    "and > 1": "'and'", "1 = 1": "'= 1'", "1 < 2; 3": "'; 3'", "valid_loss > 'x'": "''x''", "a.b.c > 1": "'.c > 1'",
    "1 < 2 & 3": "'& 3'", "__import__('os') > 1": "''os') > 1'", "1 ** 2 > 1": "'*'", "a[0] > 1": "'[0] > 1'",
    "$x > 1": "'$x > 1'",
}

WRONG_NUMBERS = ("1 / 0 > 1", "1 / zero > 1", "1 / (best - baseline) < 2", "1e400 > 1", "1e308 * 10 > 1",
                 "1e308 + 1e308 > 0", "1 > 2 and 1 / 0 > 1", "1 < 2 or 1 / 0 > 1")


class Grammar(unittest.TestCase):
    def test_truths(self):
        for text, want in TRUTHS.items():
            with self.subTest(text):
                self.assertIs(rules.Rule(text).judge(VALUES.__getitem__), want)

    def test_refused(self):
        for text, found in REFUSED.items():
            with self.subTest(text):
                with self.assertRaises(Failure) as caught:
                    rules.Rule(text)
                self.assertEqual(caught.exception.code, USAGE)
                self.assertTrue(caught.exception.cause.endswith(found), caught.exception.cause)

    def test_wrong_numbers(self):
        """A part is refused even if it does not affect the result: whether a rule is valid does not depend on the data."""
        for text in WRONG_NUMBERS:
            with self.subTest(text):
                with self.assertRaises(Failure) as caught:
                    rules.Rule(text).judge(VALUES.__getitem__)
                self.assertEqual(caught.exception.code, USAGE)

    def test_depth(self):
        for shape in ("({}1{}) > 0", "{}1{} > 0", "{}1 > 0{}"):
            rule = shape.format("(" * 30, ")" * 30)
            self.assertIs(rules.Rule(rule).judge(VALUES.__getitem__), True, rule)
            deep = shape.format("(" * 5000, ")" * 5000)
            with self.assertRaises(Failure) as caught:
                rules.Rule(deep)
            self.assertEqual(caught.exception.code, USAGE)
            self.assertIn("too many brackets", caught.exception.cause)
        with self.assertRaises(Failure) as caught:
            rules.Rule("-" * 5000 + "1 > 0")
        self.assertIn("too many brackets", caught.exception.cause)

    def test_length(self):
        self.assertIs(rules.Rule(" + ".join(["1"] * 5000) + " == 5000").judge(VALUES.__getitem__), True)
        self.assertIs(rules.Rule(" or ".join(["1 > 2"] * 5000)).judge(VALUES.__getitem__), False)

    def test_names(self):
        self.assertEqual(rules.Rule("a > baseline.sd and 2 * b < a or 1 > 2").names, {"a", "b", "baseline.sd"})


class Names(unittest.TestCase):
    KNOWN = ("valid_loss", "last", "best", "train_loss", "sd", "seconds", "seeds", "epochs", "difference", "low",
             "high", "baseline", "reference", "baseline.best", "reference.sd", "baseline.valid_loss", "broken",
             "skipped")
    UNKNOWN = ("loss", "baseline.loss", "baseline.broken", "other.best", "best.sd", "baseline.baseline", "Valid_loss")

    def test_known(self):
        for name in self.KNOWN:
            with self.subTest(name):
                judge.check_names(rules.Rule(f"{name} > 1"))

    def test_unknown(self):
        for name in self.UNKNOWN:
            with self.subTest(name):
                with self.assertRaises(Failure) as caught:
                    judge.check_names(rules.Rule(f"1 > 2 and {name} > 1"))
                self.assertEqual(caught.exception.code, USAGE)
                self.assertIn(f"there is no '{name}'", caught.exception.cause)
                self.assertIn("valid_loss", caught.exception.hint)


if __name__ == "__main__":
    unittest.main()
