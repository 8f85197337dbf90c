"""Shared by the tests of the page: a browser, pages of runs trained for them, and functions that read a page.

    runs -> compare -> compare.html, opened in Chromium
                    -> compare.json, the expected contents
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))
sys.path.insert(0, str(HERE.parent / "compare"))
import browser as browsers  # noqa: E402  (ends the test where there is none)
import support  # noqa: E402

WIDTHS = {1280: False, 390: True}  # a desktop's window, and a phone's

STRAY = (HERE / "stray.js").read_text()
FAINT = (HERE / "faint.js").read_text()


class Pages(support.Trained):
    """Tests that look at pages; one browser for all of a class."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = browsers.Browser()
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        self.browser.look()
        self.browser.resize(1280)

    def make(self, name, *arguments):
        """(page, report) of a comparison; the page must open without errors."""
        out = self.folder / name
        page = out / "compare.html"
        out.mkdir()
        self.compare(*arguments, "--html", page, "--json", out / "compare.json")
        self.open(page)
        self.assertEqual(self.browser.run("return document.documentElement.dataset.ready"), "yes")
        return page, self.report_of(out)

    def report_of(self, out):
        return support.json.loads((out / "compare.json").read_text(), parse_constant=self.fail)

    def open(self, page):
        self.browser.open(page)
        self.quiet()

    def quiet(self):
        """Checks that no script has failed, and that the browser has logged no error."""
        self.assertEqual(self.browser.complaints(), [])

    def texts(self, selector):
        """The texts of the visible elements."""
        return self.browser.run("return [...document.querySelectorAll(arguments[0])].filter((one) => "
                                "one.getBoundingClientRect().width).map((one) => one.textContent)", selector)

    def count(self, selector):
        return self.browser.run("return document.querySelectorAll(arguments[0]).length", selector)

    def click(self, selector, index=0):
        self.browser.driver.find_elements("css selector", selector)[index].click()

    def tip(self, chart="#chart"):
        """(heading, [label, value, range]) of the tooltip, or None if none is shown."""
        return self.browser.run("""
            const tip = document.querySelector(`${arguments[0]} .tip`);
            return tip.hidden ? null : [tip.querySelector("b").textContent,
              [...tip.querySelectorAll("tr")].map((row) => [row.cells[1].firstChild.textContent,
                row.cells[2].textContent, row.cells[3].textContent])];""", chart)

    def unfold(self):
        self.browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")

    def cells(self, table, heading):
        """The texts of a column of a table."""
        names = [name.strip() for name in self.texts(f"#{table} th")]
        return self.texts(f"#{table} tbody :is(td, th):nth-child({names.index(heading) + 1})")

    def fits(self):
        """Checks that nothing is cut off or overlaps, at any width and with all sections open."""
        for width, phone in WIDTHS.items():
            with self.subTest(width=width):
                self.browser.resize(width, phone=phone)
                self.assertEqual(self.browser.run(STRAY, width), [])
                self.unfold()
                self.assertEqual(self.browser.run(STRAY, width), [])
        self.browser.resize(1280)

    def can_be_read(self):
        """Checks the contrast of texts, in light and dark mode."""
        for scheme in ("light", "dark"):
            with self.subTest(scheme=scheme):
                self.browser.look(scheme)
                self.assertEqual(self.browser.run(FAINT), [])
        self.browser.look()
