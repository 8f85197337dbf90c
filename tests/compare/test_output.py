"""Table, CSV and JSON: the same numbers, atomic writes, and errors for files that cannot be written."""

import csv
import io
import json
import os
import re
import subprocess
import unittest

import support


class Trained(support.Trained):
    WANTED = {"a": ["--wd", "0.1", "--epochs", "3", "--log-steps"],
              "b": ["--wd", "0.5", "--epochs", "4", "--log-steps"]}
    SEEDS = (1, 2, 3)

    def setUp(self):
        self.runs = [*self.run_folders("a"), *self.run_folders("b")]

    def rows(self, text):
        return list(csv.DictReader(io.StringIO(text)))

    def left(self):
        """The names of half-written files in any folder."""
        return [str(path) for path in self.folder.rglob("*.tmp")]


class Table(Trained):
    def blocks(self, *arguments):
        """{heading: its lines} of the table."""
        text = self.compare(*arguments).stdout
        return {block.splitlines()[0]: block.splitlines()[1:] for block in text.strip("\n").split("\n\n")}

    def check_aligned(self, lines):
        """Columns are separated by at least two spaces, and aligned with their headings."""
        heads = [(found.start(), found.end()) for found in re.finditer(r"\S+(?: \S+)*", lines[0])]
        for line in lines[1:]:
            for found in re.finditer(r"\S+(?: \S+)*", line):
                aligned = found.start() == 0 or any(found.end() == end for _, end in heads)
                self.assertTrue(aligned, "\n".join(lines))

    def test_columns_are_aligned(self):
        blocks = self.blocks(*(f"a rather long name={run}" for run in self.runs[:3]), *self.runs[3:])
        for heading, lines in blocks.items():
            if lines and not heading.startswith("lowest"):
                with self.subTest(heading):
                    self.check_aligned(lines)

    def test_numbers(self):
        blocks = self.blocks(*self.runs)
        epochs = blocks["valid_loss by epoch, mean over the seeds"]
        self.assertEqual(epochs[0].split(), ["epoch", "0", "1", "2", "3"])
        self.assertEqual([len(line.split()) for line in epochs[1:]], [4 + 3, 4 + 4])
        summary = blocks["last valid_loss of each run; difference to 'epochs 3, wd 0.1'"]
        mean = sum(self.record(f"b-{seed}")["result"]["valid_loss"] for seed in self.SEEDS) / 3
        self.assertIn(f"{mean:.6f}", summary[2])
        self.assertIn(", 3 pairs", summary[2])
        self.assertEqual(blocks["options that differ"][1].split(), ["epochs", "3,", "wd", "0.1", "3", "0.1"])

    def test_title_stands_first(self):
        self.assertTrue(self.compare(*self.runs, "--title", "A title").stdout.startswith("A title\n\n"))

    def test_long_runs_show_some_epochs(self):
        content = "epoch,valid_loss\n" + "".join(f"{epoch},{1 + epoch}\n" for epoch in range(200))
        lines = self.blocks(self.file("long.csv", content))["valid_loss by epoch, mean over the seeds"]
        self.assertEqual((lines[0].split()[1], lines[0].split()[-1], len(lines[0].split())), ("0", "199", 9))

    def test_quiet(self):
        self.assertEqual(self.compare(*self.runs, "--quiet").stdout, "")

    def test_names_cannot_move_the_cursor(self):
        done = self.compare(f"x\x1b[2J\ny={self.runs[0]}", "gone\x1b[2J")
        self.assertNotIn("\x1b", done.stdout + done.stderr)
        self.assertIn("x?[2J?y", done.stdout)
        self.assertEqual(len(done.stderr.splitlines()), 1)


class Data(Trained):
    def test_csv(self):
        rows = self.rows(self.compare(*self.runs, "--csv", "-").stdout)
        self.assertEqual([(row["group"], row["epoch"]) for row in rows],
                         [("epochs 3, wd 0.1", epoch) for epoch in "012"] + [("epochs 4, wd 0.5", epoch)
                                                                              for epoch in "0123"])
        report = self.report(*self.runs)
        for row, group in zip(rows, [report["groups"][0]] * 3 + [report["groups"][1]] * 4):
            self.assertEqual(float(row["valid_loss"]), group["valid"]["mean"][int(row["epoch"])])
            self.assertEqual((row["wd"], row["epochs"]), (group["options"]["wd"], group["options"]["epochs"]))
        self.assertEqual((rows[0]["difference"], rows[0]["interval_low"]), ("", ""))
        self.assertEqual(float(rows[-1]["interval_high"]), report["groups"][1]["difference"]["high"])

    def test_csv_quotes_names(self):
        name = 'a "quoted", odd\nname'
        rows = self.rows(self.compare(f"{name}={self.runs[0]}", "--csv", "-").stdout)
        self.assertEqual({row["group"] for row in rows}, {name})

    def test_json(self):
        report = self.report(*self.runs)
        self.assertEqual([(run["seed"], run["curve_sha256"]) for run in report["runs"][:3]],
                         [(seed, self.record(f"a-{seed}")["result"]["curve_sha256"]) for seed in self.SEEDS])
        self.assertEqual(report["differing"], ["epochs", "wd"])
        self.assertEqual(report["common"]["factors"], "4")

    def test_json_of_what_is_not_known(self):
        """One seed, no times, no train_loss: null, and no NaN."""
        report = self.report(self.file("bare.csv", "epoch,valid_loss\n0,0.5\n"), self.runs[0])
        self.assertIsNone(report["groups"][0]["clock"])
        self.assertIsNone(report["groups"][0]["last"]["sd"])
        self.assertEqual(report["groups"][0]["train"]["mean"], [None])

    def test_names_that_are_no_text(self):
        folder = os.fsencode(self.folder) + b"/odd-\xff"
        os.symlink(os.fsencode(self.runs[0]), folder)
        command = [*support.SCRIPT, os.fsdecode(folder), "--out", self.folder / "odd"]
        done = subprocess.run(command, capture_output=True, timeout=support.SECONDS)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        report = json.loads((self.folder / "odd" / "compare.json").read_bytes())
        self.assertEqual(os.fsencode(report["runs"][0]["path"]), folder)

    def test_steps(self):
        steps = self.report(*self.runs, "--steps")["groups"][0]["steps"]
        losses = [float(line.split(",")[3]) for line in (self.runs[0] / "steps.csv").read_text().splitlines()[1:]]
        self.assertEqual(len(steps["x"]), len(losses))
        self.assertTrue(steps["low"][7] <= losses[7] <= steps["high"][7])
        self.assertNotIn("steps", self.report(*self.runs)["groups"][0])

    def test_steps_are_thinned_to_means(self):
        from collab_ps.compare import steps
        thinned = steps.thin([float(i) for i in range(1000)], 10)
        self.assertEqual(len(thinned), 143)
        self.assertEqual(thinned[0], (3.5 / 100, 3.0))
        self.assertEqual(thinned[-1], ((994 + 3) / 100, 996.5))

    def test_steps_that_are_cut_are_left_out(self):
        changes = {"cut": lambda text: text[:-1], "digits": lambda text: text[:-4], "short": lambda text: text[:-60],
                   "nan": lambda text: text.replace(text.split(",")[-1], "nan\n"), "head": lambda text: "x" + text}
        for name, change in changes.items():
            with self.subTest(name):
                spoiled = self.copy("a-1", f"steps-{name}", steps=change)
                done = self.compare(spoiled, self.runs[1], "--steps", "--json", "-")
                self.assertIn("1 of 2 curves of 'bias' have no complete 'steps.csv'", done.stderr)
                self.assertIsNotNone(json.loads(done.stdout)["groups"][0]["steps"])


class Files(Trained):
    def test_out_has_all(self):
        out = self.folder / "deep" / "report"
        done = self.compare(*self.runs, "--out", out)
        there = {path.name for path in out.iterdir()}
        self.assertLessEqual({"compare.csv", "compare.json", "compare.html"}, there, done.stderr)
        self.assertLessEqual(there, {"compare.csv", "compare.json", "compare.html", "compare.png"})
        self.assertEqual(len(self.rows((out / "compare.csv").read_text())), 7)
        again = {path.name: path.read_bytes() for path in out.iterdir()}
        self.compare(*self.runs, "--out", out)
        self.assertEqual({path.name: path.read_bytes() for path in out.iterdir()}, again)
        self.assertEqual(self.left(), [])

    def test_single_files(self):
        for kind in ("csv", "json", "html"):
            path = self.folder / f"single.{kind}"
            self.compare(*self.runs, f"--{kind}", path, "--quiet")
            self.assertTrue(path.read_text())

    def test_replaces_whole(self):
        """A link is kept, and its target is replaced."""
        old = self.file("old.csv", "old")
        link = self.folder / "link.csv"
        link.symlink_to(old)
        self.compare(*self.runs, "--csv", link, "--quiet")
        self.assertTrue(link.is_symlink())
        self.assertEqual(len(self.rows(old.read_text())), 7)

    def test_a_pipe_stays_a_pipe(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.compare(self.runs[0], "--csv", pipe, "--quiet")
        got = os.read(reader, 65536).decode()
        os.close(reader)
        self.assertEqual(len(self.rows(got)), 3)
        self.assertTrue(pipe.is_fifo())
        self.assertEqual(self.left(), [])

    def test_cannot_be_written(self):
        taken = self.file("taken", "a file")
        folder = self.folder / "folder"
        folder.mkdir(exist_ok=True)
        for arguments, words in ((("--out", taken), f"cannot make folder '{taken}': File exists"),
                                 (("--out", taken / "below"), f"cannot make folder '{taken}/below': Not a directory"),
                                 (("--csv", taken / "x.csv"), f"cannot write '{taken}/x.csv': Not a directory"),
                                 (("--json", self.folder / "no" / "x.json"), "No such file or directory"),
                                 (("--html", folder), f"cannot write '{folder}': Is a directory"),
                                 (("--csv", "/dev/full"), "cannot write '/dev/full': No space left on device")):
            with self.subTest(arguments):
                done = self.compare(*self.runs, *arguments, code=6)
                self.assertIn(words, done.stderr)
                self.assertIn("lowest valid_loss", done.stdout, "the table comes all the same")
        self.assertEqual(self.left(), [])
        self.assertEqual(taken.read_text(), "a file")


class StandardOutput(Trained):
    def start(self, *arguments):
        command = [*support.SCRIPT, *map(str, self.runs), *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_closed_pipe(self):
        """A reader that closes the pipe causes no error; true rules and files are not affected."""
        for rule, code in (("1 > 2", 0), ("1 < 2", 1)):
            with self.subTest(rule):
                path = self.folder / f"beside-{code}.csv"
                process = self.start("--csv", str(path), "--fail-if", rule)
                process.stdout.close()
                stderr = process.stderr.read()
                process.stderr.close()
                self.assertEqual(process.wait(support.SECONDS), code, stderr)
                self.assertEqual(stderr, "" if code == 0 else "collab-ps: error: '1 < 2' is true\n")
                self.assertTrue(path.exists())

    def test_closed_pipe_of_long_output(self):
        process = self.start("--html", "-")
        process.stdout.read(10)
        process.stdout.close()
        self.assertEqual((process.stderr.read(), process.wait(support.SECONDS)), ("", 0))
        process.stderr.close()

    def test_full(self):
        with open("/dev/full", "w") as full:
            done = self.compare(*self.runs, code=6, stdout=full)
        self.assertEqual(done.stderr, "collab-ps: error: cannot write to standard output: No space left on device\n")

    def test_none(self):
        command = ["sh", "-c", '"$@" >&-', "sh", *support.SCRIPT, str(self.runs[0])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=support.SECONDS)
        self.assertEqual(done.returncode, 6)
        self.assertEqual(done.stderr, "collab-ps: error: cannot write to standard output: it is closed\n")
        done = subprocess.run([*command, "--quiet"], capture_output=True, text=True, timeout=support.SECONDS)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_plain_terminal(self):
        done = self.compare(*self.runs, env={**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
        self.assertIn("lowest valid_loss", done.stdout)


if __name__ == "__main__":
    unittest.main()
