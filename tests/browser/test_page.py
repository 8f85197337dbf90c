"""The page of a comparison in a real browser: reactions to mouse, keyboard and touch.

Four groups of three seeds, two of them with a reference that was trained with other seeds.
"""

import csv
import unittest

import pages
from selenium.webdriver.common.keys import Keys

EPOCHS = 4
REFERENCE_SEEDS = (21, 22, 23)


def number(text):
    """The number in a cell; None if it shows that there is none."""
    text = text.replace("\u2212", "-").replace(",", "")
    return None if text == "–" else float(text)


def expected_rows(report, column, epoch, references=False):
    """The expected tooltip: [label, mean, range], the lowest first."""
    rows = []
    for group in (group for group in report["groups"] if references or not group["reference"]):
        mean, low, high = (group[column][part][epoch] for part in ("mean", "low", "high"))
        rows.append((mean, [group["label"], f"{mean:.4f}", f"{low:.4f} to {high:.4f}"]))
    return [row for _, row in sorted(rows)]


class Page(pages.Pages):
    SEEDS = (1, 2, 10)
    WANTED = {name: ["--epochs", EPOCHS, "--log-steps", *options] for name, options in {
        "base": [], "dot": ["--model", "dot"], "fast": ["--lr-max", "0.02"], "faster": ["--lr-max", "0.05"]}.items()}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.reference = cls.folder / "others.csv"
        with open(cls.reference, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["model", "seed", "epoch", "train_loss", "valid_loss"])
            for name, seed in ((name, seed) for name in ("base", "dot") for seed in REFERENCE_SEEDS):
                folder = cls.train(f"ref-{name}-{seed}", "--seed", seed, *cls.WANTED[name])
                rows = csv.DictReader((folder / "history.csv").read_text().splitlines())
                writer.writerows([name, seed, row["epoch"], row["train_loss"], row["valid_loss"]] for row in rows)

    def setUp(self):
        super().setUp()
        if not (self.folder / "page").exists():
            runs = [f"{name}={folder}" for name in self.WANTED for folder in self.run_folders(name)]
            self.make("page", *runs, "--reference", f"others={self.reference}", "--steps", "--title", "A title")
        self.page, self.report = self.folder / "page" / "compare.html", self.report_of(self.folder / "page")
        self.open(self.page)
        self.browser.point(1, 1)

    def tearDown(self):
        self.quiet()

    # ---- reading the chart ----

    def place(self, epoch, label="base", chart="#chart"):
        """The position of a point of a curve in the window."""
        return self.browser.run("""
            const [chart, label, epoch] = arguments, holder = document.querySelector(chart);
            const { colour } = report.groups.find((group) => group.label === label);
            holder.scrollIntoView({ block: "center" });
            const curve = [...holder.querySelectorAll(".series")].find((one) =>
              one.querySelector(".mean").getAttribute("stroke") === colour && !one.classList.contains("outline"));
            const box = curve.querySelectorAll("circle")[epoch].getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];""", chart, label, epoch)

    def own(self):
        return [group for group in self.report["groups"] if not group["reference"]]

    def chosen(self):
        return self.texts("#chart .tip tr.chosen .label")

    # ---- tests ----

    def test_asks_nobody_for_anything(self):
        self.browser.open(self.page)
        asked = [url for url in self.browser.requests() if not url.startswith("data:")]
        self.assertEqual(asked, [self.page.as_uri()])
        self.assertEqual(self.browser.run("return performance.getEntriesByType('resource').length"), 0)
        self.assertEqual(self.count('[src], link:not([href^="data:"])'), 0)

    def test_says_at_once_what_it_comes_to(self):
        lowest = min(self.own(), key=lambda group: group["last"]["mean"])
        self.assertEqual(self.texts("h1"), ["A title"])
        tiles = " ".join(self.texts(".tile"))
        for words in (f"{lowest['last']['mean']:.4f}", lowest["label"], "beside others", "2 of 2"):
            self.assertIn(words, tiles)
        self.assertEqual(len(self.texts("#verdicts li")), len(self.report["verdicts"]))
        self.assertIn(lowest["label"], self.texts("#results tr.lowest :is(th, td)")[0])
        self.assertIn("base", self.texts("#results tr.baseline :is(th, td)")[0])
        self.assertEqual(len(self.texts(".panel .lower")), 2)

    def test_hover_shows_the_values(self):
        self.assertIsNone(self.tip())
        for epoch in (0, 2, EPOCHS - 1):
            self.browser.point(*self.place(epoch))
            self.assertEqual(self.tip(), [f"epoch {epoch}", expected_rows(self.report, "valid", epoch)])
        self.assertEqual(self.chosen(), ["basebaseline"])
        self.browser.point(1, 1)
        self.assertIsNone(self.tip())

    def test_panel_shows_the_distance_to_the_reference(self):
        self.browser.point(*self.place(1, chart=".panel .gap"))
        by_label = {group["label"]: group for group in self.report["groups"]}
        gap = by_label["base"]["valid"]["mean"][1] - by_label["others: base"]["valid"]["mean"][1]
        heading, rows = self.tip(".panel .gap")
        values = {label: number(value) for label, value, _ in rows}
        self.assertEqual(heading, "epoch 1")
        self.assertEqual(values["others: base"], 0.0)
        self.assertAlmostEqual(values["base"], gap, delta=0.5001e-4)

    def test_keys_move_the_tip(self):
        self.browser.run("document.querySelector('#chart svg').focus()")
        headings = []
        for key in (Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.END, Keys.ARROW_RIGHT, Keys.HOME):
            self.browser.press(key)
            headings.append(self.tip()[0])
        self.assertEqual(headings, ["epoch 0", "epoch 1", "epoch 0", "epoch 3", "epoch 3", "epoch 0"])
        order = [row[0] for row in self.tip()[1]]
        for key, label in ((Keys.ARROW_UP, order[0]), (Keys.ARROW_UP, order[1]), (Keys.ARROW_DOWN, order[0])):
            self.browser.press(key)
            self.assertTrue(self.chosen()[0].startswith(label), (self.chosen(), label))
        self.browser.press(Keys.ESCAPE)
        self.assertIsNone(self.tip())

    def test_finger_shows_the_values_until_the_next(self):
        self.browser.resize(390, phone=True)
        self.browser.tap(*self.place(2))
        self.assertEqual(self.tip(), ["epoch 2", expected_rows(self.report, "valid", 2)])
        self.assertEqual(self.browser.run(pages.STRAY, 390), [])
        self.browser.tap(*self.browser.run("const box = document.querySelector('h2').getBoundingClientRect();"
                                           "return [box.x + 5, box.y + 5]"))
        self.assertIsNone(self.tip())

    def test_legend_brings_out_and_hides_a_curve(self):
        buttons = self.browser.driver.find_elements("css selector", "#legend button:not([hidden])")
        self.assertEqual([button.text.split("\n")[0] for button in buttons], list(self.WANTED))
        self.browser.run("arguments[0].scrollIntoView({ block: 'center' })", buttons[1])
        self.browser.point(*self.browser.run("const box = arguments[0].getBoundingClientRect();"
                                             "return [box.x + 9, box.y + 9]", buttons[1]))
        self.assertEqual(self.count("#chart .dim .series.chosen"), 1)
        buttons[1].click()
        self.assertEqual(buttons[1].get_attribute("aria-pressed"), "false")
        self.assertEqual(self.count("#chart .series"), 3)
        self.browser.point(*self.place(0))
        self.assertNotIn("dot", [row[0] for row in self.tip()[1]])
        self.browser.run("arguments[0].focus()", buttons[1])
        self.browser.press(Keys.SPACE)
        self.assertEqual(buttons[1].get_attribute("aria-pressed"), "true")
        self.assertEqual(self.count("#chart .series"), 4)

    def test_choices_change_the_chart(self):
        self.click("[data-value=train]")
        self.browser.point(*self.place(1))
        self.assertEqual(self.tip(), ["epoch 1", expected_rows(self.report, "train", 1)])
        self.click("[data-value=valid]")
        self.click("[data-value=on]")
        self.browser.point(*self.place(1))
        self.assertEqual(self.tip()[1], expected_rows(self.report, "valid", 1, references=True))
        self.assertEqual(self.count("#chart .series.outline"), 2)
        self.click("[data-value=off]")
        self.click("[data-value=end]")
        self.browser.run("document.querySelector('#chart svg').focus()")
        self.browser.press(Keys.HOME)
        self.assertEqual(self.tip()[0], "epoch 2")
        self.click("[data-value=time]")
        self.assertIn("seconds", self.texts("#chart text"))
        self.click("[data-value=steps]")
        self.click("[data-value=marked]")
        self.assertEqual(self.count("#chart .series"), 4)

    def test_tip_by_time_shows_what_was_known_then(self):
        self.click("[data-value=time]")
        self.browser.run("document.querySelector('#chart svg').focus()")
        self.browser.press(Keys.END)
        last = {group["label"]: f"{group['valid']['mean'][-1]:.4f}" for group in self.own()}
        self.assertEqual({label: value for label, value, _ in self.tip()[1]}, last)
        self.browser.press(Keys.HOME)
        first = min(self.own(), key=lambda group: group["clock"][0])
        self.assertEqual([row[0] for row in self.tip()[1]], [first["label"]])

    def test_headings_sort(self):
        heads = self.texts("#results th")
        for heading in ("valid loss", "difference", "train loss", "seeds"):
            index = heads.index(heading)
            for turn, down in (("ascending", False), ("descending", True)):
                self.click("#results th button", index)
                self.assertEqual(self.count("#results th[aria-sort]"), 1)
                self.assertEqual(self.count(f"#results th[aria-sort={turn}]:nth-child({index + 1})"), 1)
                found = [number(text) for text in self.cells("results", heading)]
                known = [value for value in found if value is not None]
                self.assertEqual(found, sorted(known, reverse=down) + [None] * (len(found) - len(known)), heading)
        self.browser.run("document.querySelectorAll('#results th button')[0].focus()")
        self.browser.press(Keys.ENTER)
        names = self.cells("results", "group")
        self.assertEqual([name.strip().removesuffix("lowest") for name in names],
                         ["basebaseline", "dot", "fast", "faster", "others: base", "others: dot"])

    def test_seeds_sort_as_numbers(self):
        self.unfold()
        self.click("#runs th button", self.texts("#runs th").index("seed"))
        seeds = [int(text) for text in self.cells("runs", "seed")]
        self.assertEqual(seeds, sorted(seeds))
        self.assertIn(10, seeds)

    def test_forest_stands_in_order(self):
        means = [group["difference"]["mean"] for group in self.report["groups"] if group["difference"]]
        texts = self.texts("#forest .row:not(.axis) .text")
        shown = [0.0 if "compared" in text else number(text.split(" ")[0]) for text in texts]
        self.assertEqual(shown, [round(mean, 4) for mean in sorted([*means, 0.0])])

    def test_fits_and_can_be_read(self):
        self.fits()
        self.can_be_read()
        self.assertEqual(self.browser.run("const wide = document.querySelector('.wide:has(#results)');"
                                          "return wide.scrollWidth - wide.clientWidth"), 0)

    def test_paper(self):
        self.browser.look(media="print")
        self.browser.resize(700)
        self.assertEqual(self.texts(".controls, .screen, .tip"), [])
        self.assertEqual(self.texts("thead button"), [], "Chromium draws a head with buttons on the first page alone")
        heads = self.browser.run("return [...document.querySelectorAll('#results thead th')].map((one) => "
                                 "getComputedStyle(one, '::after').content)")
        self.assertEqual(heads[:2], ['"group"', '"valid loss"'])
        self.assertEqual(self.count("#results tbody tr > th[scope=row]:first-child"), len(self.report["groups"]))
        self.assertEqual(self.browser.run(pages.STRAY, 700), [])
        self.assertGreater(len(self.browser.tell("Page.printToPDF")["data"]), 10000)

    def test_without_scripts_there_is_the_table(self):
        self.browser.allow_scripts(False)
        try:
            self.browser.open(self.page)
            text = self.browser.driver.find_element("css selector", "noscript").text
        finally:
            self.browser.allow_scripts(True)
        self.assertIn(self.report["verdicts"][0], text)
        self.assertIn("valid_loss by epoch", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
