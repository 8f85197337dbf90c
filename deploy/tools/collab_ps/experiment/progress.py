"""The output of an experiment while it trains: a line for each run and, on a terminal, a status line with an estimate of
the time left.

    [ 3/32] bias, seed 3: valid_loss 0.823, 0.3 s
    3 of 32 done, 2 running, about 4 s left
"""

import shutil
import sys
import time

from collab_ps import files

REDRAW_S = 0.5
CLEAR = "\r\x1b[K"


def duration(seconds):
    """'40 s', '3 min', '2 h 10 min'."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def mean(values):
    return sum(values) / len(values)


class Progress:
    """Progress of total runs to train on cores cores."""

    def __init__(self, total, cores, stream=sys.stderr):
        self.total, self.cores, self.stream = total, cores, stream
        self.shows_status = stream.isatty()
        self.done, self.drawn_at = 0, 0.0
        self.seconds = {}  # {cell: durations of its successful runs}

    def ended(self, run, seconds, text):
        """Reports a run that has ended after seconds, with text."""
        self.done += 1
        if run.code == 0:
            self.seconds.setdefault(run.cell, []).append(seconds)
        self.clear()
        self.drawn_at = 0.0
        files.say("error" if run.code else "run",
                  f"[{self.done:{len(str(self.total))}}/{self.total}] {run.label}: {text}")

    def expected(self, run):
        """The expected duration of run in seconds: the mean of earlier runs, of its cell if there are any; None if there are
        no earlier runs."""
        known = self.seconds.get(run.cell) or [value for values in self.seconds.values() for value in values]
        return mean(known) if known else None

    def left(self, waiting, running):
        """Seconds to the end, or None if unknown. running: [(run, seconds so far)]."""
        work = 0.0
        for run, passed in [(run, 0.0) for run in waiting] + running:
            expected = self.expected(run)
            if expected is None:
                return None
            work += max(0.0, expected - passed) * min(run.cell.ranks, self.cores)
        return work / self.cores

    def draw(self, waiting, running):
        """Redraws the status line, at most every REDRAW_S seconds."""
        now = time.monotonic()
        if not self.shows_status or now - self.drawn_at < REDRAW_S:
            return
        self.drawn_at = now
        left = self.left(waiting, running)
        text = f"{self.done} of {self.total} done, {len(running)} running"
        text += "" if left is None else f", about {duration(left)} left"
        self.stream.write(CLEAR + text[:shutil.get_terminal_size().columns - 1])
        self.stream.flush()

    def clear(self):
        """Removes the status line."""
        if self.shows_status:
            self.stream.write(CLEAR)
            self.stream.flush()
