"""lr-find, tested with the whole program: the same losses on any ranks, the suggestions of fastai's source, and no files
except the two.
"""

import csv
import math
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
from verdict import Verdict  # noqa: E402


def valley(losses):
    """The index that fastai.callback.schedule.valley returns, computed by its loops."""
    start, end, lengths = 0, 0, [1] * len(losses)
    for i in range(1, len(losses)):
        for j in range(i):
            if losses[i] < losses[j] and lengths[i] < lengths[j] + 1:
                lengths[i] = lengths[j] + 1
            if lengths[end] < lengths[i]:
                end = i
                start = end - lengths[end]
    sections = (end - start) / 3
    return start + int(sections) + int(sections / 2)


def steep(rates, losses):
    slopes = [(after - before) / (math.log(faster) - math.log(slower))
              for before, after, slower, faster in zip(losses, losses[1:], rates, rates[1:])]
    return slopes.index(min(slopes))


def minimum(rows, first, last):
    """A tenth of the rate at which the losses, averaged around each step with a Hann window, are lowest."""
    def average(step):
        weights = [(1 + math.cos(math.pi * (i - step) / 11), row["loss"]) for i, row in enumerate(rows) if abs(i - step) <= 11]
        return sum(weight * loss for weight, loss in weights) / sum(weight for weight, _ in weights)
    return rows[min(range(first, last), key=average)]["lr"] / 10


def find(check, name, folder, arguments=(), ranks=None):
    """(output, rows) of a range test whose files are folder/NAME.csv and .svg."""
    run = launch.launch(["lr-find", *arguments, "--out", folder / name, "--progress", "none"], ranks)
    if not check.that(run.code == 0, f"{name}: ends well", run.stderr[-300:] if run.code else ""):
        return "", []
    check.that((folder / f"{name}.svg").read_text().startswith("<svg"), f"{name}: a picture", "")
    with open(folder / f"{name}.csv", newline="", encoding="utf-8") as file:
        return run.stdout, [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def check_suggestions(check, name, said, rows):
    window = rows[10:-5]
    rates, losses = [row["lr"] for row in window], [row["smooth_loss"] for row in window]
    wanted = f"minimum {minimum(rows, 10, len(rows) - 5):.3g}, valley {rates[valley(losses)]:.3g}, steep {rates[steep(rates, losses)]:.3g}: "
    check.that(said.startswith(wanted) and said.count("\n") == 1, f"{name}: {wanted.strip()}", said)


def check_losses(check, rows):
    """Checks that rates grow by a constant factor, and that the smoothed loss is fastai's average of the losses."""
    average, lowest = 0.0, math.inf
    for step, row in enumerate(rows):
        average = 0.98 * average + 0.02 * row["loss"]
        smooth = average / (1 - 0.98 ** (step + 1))
        lowest = min(lowest, smooth)
        if abs(smooth - row["smooth_loss"]) > 1e-7 * smooth or abs(row["lr"] / 1e-7 / 10 ** (0.08 * step) - 1) > 1e-8:
            check.that(False, f"step {step}", str(row))
        if step + 1 < len(rows) and smooth > 4 * lowest:
            check.that(False, "goes on behind four times the lowest", str(row))
    check.that(len(rows) == 100 or smooth > 4 * lowest, "ends where it should", f"after {len(rows)} steps")


def main():
    check = Verdict("golden/lr_find")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        said, rows = find(check, "one", folder)
        check_losses(check, rows)
        check_suggestions(check, "one", said, rows)
        for name, ranks, arguments in (("nodes", None, ["--servers", 2, "--workers", 3]), ("ranks", 4, [])):
            check.equal(f"{name}: losses", find(check, name, folder, arguments, ranks)[1], rows)
        said, rows = find(check, "small batches under much decay", folder, ["--batch-size", 8, "--wd", 3, "--factors", 5])
        check.at_most("rates stay below one over the decay", max(row["lr"] for row in rows), 1 / 3)
        check_suggestions(check, "much decay", said, rows)
        said, rows = find(check, "diverging", folder, ["--y-range", "none", "--factors", 200, "--batch-size", 512, "--wd", 0])
        check.that(len(rows) < 100, "a loss that grows ends it", f"after {len(rows)} steps")
        check_losses(check, rows)
        check.equal("files", sorted({path.suffix for path in folder.iterdir()}), [".csv", ".svg"])
    refused = launch.launch(["lr-find", "--solver", "block"])
    check.that(refused.code == 2 and "every batch" in refused.stderr, "no block solver", refused.stderr)
    check.finish()


main()
