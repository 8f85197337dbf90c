"""Runs that are interrupted at random moments and resumed with other ranks end like a run without interruption.

    cuts.py [CUTS [SEED]]

With short and long epochs; any rank, mpirun or the single process is killed, stopped by a signal, or killed while a
requested checkpoint is made. Each run is resumed on another number of ranks over another transport, and some are
interrupted again. The best epoch of some kinds comes early, so that its model is older than most interruptions.
"""

import random
import sys
import tempfile
from pathlib import Path

import runs
from verdict import Verdict

COMMON = ["--factors", 8, "--log-steps", "--progress", "none", "--wd-bias", 0.03]
KINDS = [
    ("short epochs", [*COMMON, "--epochs", 40, "--batch-size", 1000, "--wd", 0.001, "--save-every", 1]),
    ("long epochs", [*COMMON, "--epochs", 6, "--batch-size", 100, "--save-every", "150steps"]),
    ("every step", [*COMMON, "--epochs", 10, "--batch-size", 2000, "--save-every", "1steps", "--optimizer", "adagrad"]),
    ("block solver", ["--factors", 8, "--log-steps", "--solver", "block", "--threads", 2, "--lr-max", 0.03, "--wd", 0,
                      "--epochs", 60, "--save-every", "7steps"]),
    ("blocks, adagrad", ["--factors", 8, "--log-steps", "--solver", "block", "--optimizer", "adagrad", "--lr-max", 0.1,
                         "--wd", 0.1, "--epochs", 80, "--blocks", 40, "--save-every", 5]),
    ("on demand", [*COMMON, "--epochs", 20, "--batch-size", 500, "--optimizer", "sgd", "--lr-max", 0.5]),
]
WAYS = ["kill", "rank", "term", "int", "usr2", "save"]


def cut_once(run, random_numbers, seconds):
    """Starts the run once and interrupts it at a random moment. Returns a description."""
    shape = random_numbers.choice(runs.SHAPES)
    kind = random_numbers.choice(WAYS)
    from_start = random_numbers.random() < 0.15
    after = random_numbers.uniform(0.0, 1.0) * (seconds + (1.0 if from_start else 0.0))
    run.start(shape)
    code = run.cut(kind, after, random_numbers.randrange(8), from_start)
    return f"{kind} after {after:.2f} s on {shape.name} (exit code {code})"


def cut_before_end(run, random_numbers, seconds):
    """The first cut of a run, unless each of some attempts came after its end."""
    for _ in range(runs.ATTEMPTS):
        run.forget()
        story = [cut_once(run, random_numbers, seconds)]
        if not run.is_done():
            break
    return story


def main():
    cuts = int(sys.argv[1]) if sys.argv[1:] else 8
    seed = int(sys.argv[2]) if sys.argv[2:] else 1
    check = Verdict("resume/cuts")
    numbers = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = []
        for number, (title, arguments) in enumerate(KINDS):
            place = folder / str(number)
            place.mkdir()
            whole.append(runs.Uncut(place, arguments))
        resumed = 0
        for cut in range(cuts):
            title, arguments = KINDS[cut % len(KINDS)]
            uncut = whole[cut % len(KINDS)]
            run = runs.CutRun(folder / f"cut-{cut}", arguments)
            story = cut_before_end(run, numbers, uncut.seconds)
            while not run.is_done() and numbers.random() < 0.3:
                story.append(cut_once(run, numbers, uncut.seconds))
            others = [shape for shape in runs.SHAPES if shape is not run.shape]
            resumed += not run.is_done()
            wrong = run.finish(numbers.choice(others))
            found = [wrong] if wrong else uncut.differences(run.out, run.stdout)
            check.that(not found, f"{title}, cut {cut}", "; ".join(story + found))
        check.that(resumed * 2 >= cuts, "cuts that came before the end", f"{resumed} of {cuts}")
    check.finish()


main()
