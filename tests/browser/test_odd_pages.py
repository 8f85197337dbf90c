"""Pages of unusual comparisons: one run, one epoch, no shared seeds, names that look like markup, broken promises, skipped
folders, missing losses, more groups than colours.
"""

import unittest

import pages
from selenium.webdriver.common.keys import Keys

SPELLS = ["</script><b>x", "<img src=x onerror=alert(1)>", "a &amp; b & \"c\" 'd'", "<!--", "${1+1}", "__proto__",
          "\u202egnirts", "w" * 150, "$\\frac{1}{2}$", "日本 ∑ 🎲"]


HISTORY = "epoch,train_loss,valid_loss\n0,1.2,1.1\n1,0.9,{}\n"
OFF_THE_STRIP = """
return [...document.querySelectorAll("#forest .row:not(.axis)")].filter((row) => {
  const [strip, dot] = [".strip", "circle"].map((name) => row.querySelector(name).getBoundingClientRect());
  return dot.left < strip.left - 6 || dot.right > strip.right + 6;
}).map((row) => row.textContent);
"""


class OddPages(pages.Pages):
    SEEDS = (1, 2)
    WANTED = {"one": ["--epochs", "1"], "wide": ["--epochs", "1", "--factors", "6"], "four": ["--epochs", "4"]}

    def tearDown(self):
        self.quiet()

    def values_at_end(self):
        """The tooltip of the last point: [label, value, range]."""
        self.browser.run("document.querySelector('#chart svg').focus()")
        self.browser.press(Keys.END)
        return self.tip()[1]

    def test_one_run_of_one_epoch(self):
        _, report = self.make("solo", self.run_folder("one-1"))
        loss = f"{report['groups'][0]['last']['mean']:.4f}"
        self.assertEqual(self.values_at_end(), [["bias", loss, ""]])
        self.assertEqual(self.texts("#differences, #beside, #warnings, #skipped, .tag"), [])
        self.assertEqual(self.texts("#verdicts"),
                         ["No better than the mean of the ratings, which needs no model: 'bias'."])
        self.assertEqual(self.texts(".tile .value"), [loss])
        self.assertEqual(self.texts("#runs-summary"), ["1 run"])
        self.fits()

    def test_one_epoch_of_several_groups(self):
        self.make("one-epoch", *self.run_folders("one"), *self.run_folders("wide"))
        self.assertEqual(len(self.values_at_end()), 2)
        self.assertEqual(self.count("#chart .whisker"), 2)
        places = self.browser.run("return [...document.querySelectorAll('#chart .series circle')].map((one) => "
                                  "one.getAttribute('cx'))")
        self.assertEqual(len(set(places)), 2)
        self.fits()

    def test_no_seed_in_common(self):
        others = [self.train(f"four-{seed}", "--seed", seed, "--epochs", "4", "--wd", "0.3") for seed in (3, 4)]
        _, report = self.make("strangers", *self.run_folders("four"), *others)
        self.assertEqual(report["groups"][1]["difference"]["kind"], "unpaired")
        self.assertIn("unpaired", "".join(self.cells("results", "95 % interval")))
        self.assertIn("Where no seeds are shared", self.texts("#forest-note")[0])
        self.fits()

    def test_groups_of_other_lengths(self):
        """The tooltip lists the groups that have the epoch."""
        self.make("lengths", *self.run_folders("one"), *self.run_folders("four"))
        self.assertEqual([label for label, *_ in self.values_at_end()], ["epochs 4"])
        self.browser.press(Keys.HOME)
        self.assertEqual(len(self.texts("#chart .tip tr")), 2)

    def test_lowest_is_the_baseline(self):
        """A baseline that is also the lowest has both marks."""
        _, report = self.make("best", *self.run_folders("four"), *self.run_folders("one"), "--metric", "best")
        self.assertEqual(report["baseline"], "epochs 4")
        self.assertEqual(self.texts("#results .tag"), ["lowest", "baseline"])
        self.assertIn("the baseline", self.texts(".tile h2")[0])

    def test_equal_groups_have_no_lowest(self):
        runs = self.run_folder("four-1"), self.train("scalar", "--seed", "1", "--epochs", "4", "--isa", "scalar")
        self.make("equal", *runs, "--by", "isa")
        self.assertEqual(self.texts("#results .tag"), ["baseline"])
        self.assertEqual(self.texts("#machine-summary"), ["2 ways of running"])

    def test_one_curve_whatever_the_way(self):
        runs = self.run_folder("four-1"), self.train("plain", "--seed", "1", "--epochs", "4", "--isa", "scalar")
        self.make("ways", *runs)
        self.assertEqual(self.texts(".tile")[0], "one curve a seedsamein 2 ways of running, which differ in isa")
        self.assertEqual(self.cells("machine-table", "curves"), ["same", "same"])

    def test_broken_promise(self):
        """A run with another seed whose record claims this one."""
        def pretend(record):
            record["seed"] = 1
            record["data"]["fingerprint"] = self.record("four-1")["data"]["fingerprint"]
            record["cluster"]["isa"] = "made-up"
        _, report = self.make("broken", self.run_folder("four-1"), self.copy("four-2", "liar", pretend))
        self.assertEqual(report["broken"], 1)
        self.assertEqual(len(self.texts("#warnings li")), len(report["warnings"]))
        self.assertIn("broken", self.texts(".tile.higher .value"))
        self.assertEqual(self.cells("machine-table", "curves"), ["differ", "differ"])
        self.fits()

    def test_what_is_left_out_is_said(self):
        empty = self.folder / "<i>empty & bare"
        empty.mkdir()
        cut = self.copy("four-2", "cut", history=lambda text: text[:-20])
        _, report = self.make("left-out", self.run_folder("four-1"), empty, cut)
        self.assertEqual(len(report["skipped"]), 2)
        self.assertEqual(self.texts("#skipped-summary"), ["2 left out"])
        self.unfold()
        self.assertEqual(self.cells("skipped-table", "path"), [str(empty), str(cut)])
        self.assertTrue(all(self.cells("skipped-table", "why")))
        self.fits()

    def test_names_are_text(self):
        """Names, titles and models are shown literally and never executed."""
        rows = "".join(f"{name},{seed},{epoch},1.0,{0.9 - 0.1 * epoch - 0.001 * seed}\n" for seed in (1, 2)
                       for epoch in (0, 1) for name in ('"' + spell.replace('"', '""') + '"' for spell in SPELLS))
        curves = self.file("curves.csv", "model,seed,epoch,train_loss,valid_loss\n" + rows)
        _, report = self.make("spells", curves, f"{SPELLS[0]}={self.run_folder('one-1')}", "--title", SPELLS[0],
                              "--reference", f"<u>={curves}")
        labels = [group["label"] for group in report["groups"] if not group["reference"]]
        self.assertLessEqual(set(SPELLS[1:]), set(labels))
        self.assertEqual(self.texts("h1"), [SPELLS[0]])
        self.assertEqual(self.browser.run("return document.title"), SPELLS[0])
        self.assertEqual(sorted(self.texts("#forest .name > span:first-child")), sorted(labels))
        self.assertEqual(self.count("main :is(b:not(.tip b), img, u, script), h1 *"), 0)
        self.fits()

    def test_name_as_title_without_scripts(self):
        title = "</title>" + SPELLS[0]
        page, _ = self.make("spelled-title", self.run_folder("one-1"), "--title", title)
        self.browser.allow_scripts(False)
        self.addCleanup(self.browser.allow_scripts, True)
        self.open(page)
        self.assertEqual(self.browser.driver.title, title)

    def test_losses_that_are_missing(self):
        lines = ["epoch,train_loss,valid_loss", "0,1.0,0.9", "1,0.9,", "2,0.8,0.7"]
        gaps = self.file("gaps.csv", "\n".join(lines) + "\n")
        none = self.file("none.csv", "epoch,train_loss,valid_loss\n0,1.0,\n1,0.9,\n")
        self.make("gaps", gaps, none, self.run_folder("four-1"))
        self.assertEqual(self.values_at_end()[0][2], "")
        self.assertIn("–", self.cells("results", "valid loss"))
        self.click("[data-value=train]")
        self.fits()

    def test_more_groups_than_colours(self):
        """Marked groups are emphasized, tooltips are limited, and each curve can be highlighted."""
        runs = [self.train(f"wd-{i}", "--seed", 1, "--epochs", "4", "--wd", 0.05 * i) for i in range(12)]
        _, report = self.make("many", *runs, "--baseline", "wd 0.1")
        self.assertEqual(len(report["groups"]), 12)
        self.assertEqual(self.count("#chart svg.many"), 1)
        self.assertEqual(self.texts("#chart .tip i"), [])
        shown = self.values_at_end()
        means = sorted(group["valid"]["mean"][-1] for group in report["groups"])
        self.assertEqual([value for _, value, _ in shown][:2], [f"{mean:.4f}" for mean in means[:2]])
        self.assertEqual(self.texts("#chart .tip i"), [f"and {12 - len(shown)} more"])
        self.assertIn("wd 0.1", [label for label, *_ in shown])
        self.browser.press(Keys.ARROW_UP, Keys.ARROW_UP, Keys.ARROW_UP)
        self.assertEqual(self.count("#chart svg.dim .series.chosen"), 1)
        self.fits()
        self.can_be_read()

    def test_fifty_groups(self):
        """The page stays readable, and every group is within the scale."""
        losses = {f"wd 0.{i:02}, factors {10 + i % 5}": 0.8 + 0.001 * i for i in range(48)}
        losses.update({"sgd, far off": 9.0, "the lowest": 0.7})
        runs = [f"{name}={self.file(f'histories/{i}.csv', HISTORY.format(loss))}"
                for i, (name, loss) in enumerate(losses.items())]
        self.make("fifty", *runs)
        self.assertLess(self.browser.run("return document.documentElement.scrollHeight"), 4000)
        self.assertEqual(self.count("#forest .row:not(.axis) circle"), 50)
        self.assertEqual(self.browser.run(OFF_THE_STRIP), [])
        self.fits()
        self.filter("wd 0.1 factors 12")
        wanted = [name for name in losses if "wd 0.1" in name and "factors 12" in name]
        self.assertEqual(self.texts("#forest .row:not(.axis) .name"), wanted)
        self.assertEqual([name.strip() for name in self.texts("#results tbody th")], wanted)
        self.assertEqual(self.texts("#legend button:not([hidden])"), wanted)
        self.assertEqual((self.count("#chart .series"), self.texts("#filter-count")), (2, ["2 of 50"]))
        self.filter("")
        self.assertEqual(self.count("#chart .series"), 50)

    def filter(self, words):
        self.browser.run("const field = document.getElementById('filter'); field.value = arguments[0];"
                         "field.dispatchEvent(new Event('input'))", words)


if __name__ == "__main__":
    unittest.main(verbosity=2)
