"""The picture of a range test: valid SVG, marks in the right places, and errors for other files."""

import subprocess
import sys
import unittest
import xml.etree.ElementTree as xml

import support
from collab_ps.page import lr_find

ROWS = [(10.0 ** (i / 10 - 7), 2.0 - (i > 40) * (i - 40) / 60 + (i > 65) * (i - 65) ** 2 / 100) for i in range(80)]
CSV = "lr,loss,smooth_loss\n" + "".join(f"{rate:.6g},{loss + 0.05 * (-1) ** i:.6f},{loss:.6f}\n"
                                       for i, (rate, loss) in enumerate(ROWS))
SVG = "{http://www.w3.org/2000/svg}"


class Plot(support.Scratch):
    def plot(self, *arguments, code=0):
        done = subprocess.run([sys.executable, support.TOOLS, "lr-plot", *map(str, arguments)], capture_output=True,
                              text=True, timeout=support.SECONDS, check=False)
        self.assertEqual((done.returncode, "Traceback" in done.stderr), (code, False), done.stderr)
        return done.stderr

    def test_curves_and_marks(self):
        source, target = self.file("lr-find.csv", CSV), self.folder / "lr-find.svg"
        self.plot(source, target, "valley=0.001", "steep=0.004", "beyond=1e9")
        root = xml.fromstring(target.read_text())
        self.assertEqual([len(one.get("points").split()) for one in root.iter(f"{SVG}polyline")], [80, 80])
        self.assertEqual(len(list(root.iter(f"{SVG}circle"))), 2, "a rate that was not tried has no mark")
        words = [one.text for one in root.iter(f"{SVG}text")]
        self.assertIn("valley 0.001", words)
        self.assertIn("1e-5", words)
        places = [tuple(map(float, point.split(","))) for one in root.iter(f"{SVG}polyline")
                  for point in one.get("points").split()]
        self.assertTrue(all(0 <= x <= lr_find.WIDTH and 0 <= y <= lr_find.HEIGHT for x, y in places))

    def test_marks_lie_on_the_curve(self):
        frame = lr_find.Frame([(rate, loss, loss) for rate, loss in ROWS])
        part = lr_find.suggestion(frame, [(rate, loss, loss) for rate, loss in ROWS], 0, "valley", ROWS[50][0])
        self.assertIn(f"cx='{frame.x(ROWS[50][0]):.1f}' cy='{frame.y(ROWS[50][1]):.1f}'", part[1])

    def test_what_is_no_range_test(self):
        for name, text, words in (("none.csv", "step,loss\n1,2\n", "needs lr and loss"), ("nan.csv", "lr,loss\n1,nan\n", "fewer"),
                                  ("word.csv", "lr,loss\n1,two\n", "needs lr and loss")):
            with self.subTest(name):
                self.assertIn(words, self.plot(self.file(name, text), self.folder / "x.svg", code=3))
        self.assertIn("cannot read", self.plot(self.folder / "gone.csv", self.folder / "x.svg", code=3))
        self.assertIn("is not NAME=RATE", self.plot(self.file("a.csv", CSV), self.folder / "x.svg", "valley", code=2))
        self.assertFalse((self.folder / "x.svg").exists())


if __name__ == "__main__":
    unittest.main()
