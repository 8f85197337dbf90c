"""The picture of a range test: the loss against the learning rate, with the suggested rates.

    lr-find.csv (lr, loss, smooth_loss) + suggestions {name: rate} -> SVG

    python3 deploy/tools lr-plot lr-find.csv lr-find.svg valley=0.0021 steep=0.0052

'collab-ps lr-find' calls this at its end. The SVG is written directly, so that no package is needed.
"""

import csv
import html
import math

from collab_ps import files

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 56
LINE, RAW = "#0072b2", "#9ab8cc"
MARKS = ("#d55e00", "#009e73", "#b8549a")
STYLE = "text{font:13px system-ui,'DejaVu Sans',sans-serif;fill:#3b444d}.grid{stroke:#e3e7eb}"


def read(path):
    """[(rate, loss, smooth loss)] of a csv file; the last column may be missing."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = [(float(row["lr"]), float(row["loss"]), float(row.get("smooth_loss") or row["loss"]))
                    for row in csv.DictReader(file)]
    except OSError as error:
        raise files.Failure(files.DATA, f"cannot read '{path}': {error.strerror}") from None
    except (KeyError, ValueError, csv.Error):
        raise files.Failure(files.DATA, f"'{path}' is not the csv file of a range test: it needs lr and loss") from None
    rows = [row for row in rows if row[0] > 0 and all(map(math.isfinite, row))]
    if len(rows) < 2:
        raise files.Failure(files.DATA, f"'{path}' has fewer than two learning rates")
    return rows


class Frame:
    """The coordinates of rates and losses in the picture. The loss axis extends from the lowest losses to a little above the
    first smooth loss, since beyond it the test only diverges."""

    def __init__(self, rows):
        self.low, self.high = (math.log10(end) for end in (rows[0][0], rows[-1][0]))
        smooth, raw = [row[2] for row in rows], sorted(row[1] for row in rows)
        least, top = min(*smooth, raw[len(raw) // 20]), max(smooth[0], sorted(smooth)[len(smooth) // 2])
        margin = (top - least) * 0.1 or abs(top) * 0.1 or 1.0
        self.bottom, self.top = least - margin, top + 2 * margin

    def losses(self):
        """About six round losses for the ticks."""
        rough = (self.top - self.bottom) / 6
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
        first = math.ceil(self.bottom / step)
        return [i * step for i in range(first, math.floor(self.top / step) + 1)]

    def x(self, rate):
        return LEFT + (math.log10(rate) - self.low) / ((self.high - self.low) or 1) * (WIDTH - LEFT - RIGHT)

    def y(self, loss):
        shown = min(max(loss, self.bottom), self.top)
        return HEIGHT - BOTTOM - (shown - self.bottom) / (self.top - self.bottom) * (HEIGHT - TOP - BOTTOM)


def text(x, y, words, anchor="middle", colour=""):
    fill = f" style='fill:{colour};font-weight:600'" if colour else ""
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'{fill}>{html.escape(words)}</text>"


def line(x1, y1, x2, y2, more):
    return f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' {more}/>"


def curve(frame, rows, column, more):
    points = " ".join(f"{frame.x(row[0]):.1f},{frame.y(row[column]):.1f}" for row in rows)
    return f"<polyline points='{points}' fill='none' {more}/>"


def axes(frame):
    made = []
    for power in range(math.ceil(frame.low - 1e-9), math.floor(frame.high + 1e-9) + 1):
        x = frame.x(10.0 ** power)
        made += [line(x, TOP, x, HEIGHT - BOTTOM, "class='grid'"), text(x, HEIGHT - BOTTOM + 20, f"1e{power}")]
    for loss in frame.losses():
        made += [line(LEFT, frame.y(loss), WIDTH - RIGHT, frame.y(loss), "class='grid'"),
                 text(LEFT - 8, frame.y(loss) + 4, f"{loss:.4g}", "end")]
    return made + [text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "learning rate"), text(8, 20, "loss of a step", "start")]


def suggestion(frame, rows, place, name, rate):
    """A dot on the smooth curve, a vertical line, and the name at the top."""
    nearest = min(rows, key=lambda row: abs(math.log(row[0] / rate)))
    x, colour = frame.x(rate), MARKS[place % len(MARKS)]
    left = x > WIDTH * 0.7
    return [line(x, TOP, x, HEIGHT - BOTTOM, f"stroke='{colour}' stroke-dasharray='4 4'"),
            f"<circle cx='{x:.1f}' cy='{frame.y(nearest[2]):.1f}' r='5' fill='{colour}'/>",
            text(x - 6 if left else x + 6, TOP + 14 + 18 * place, f"{name} {rate:.2g}", "end" if left else "start", colour)]


def render(rows, suggestions):
    """The SVG."""
    frame = Frame(rows)
    marks = [part for place, (name, rate) in enumerate(suggestions.items()) if rows[0][0] <= rate <= rows[-1][0]
             for part in suggestion(frame, rows, place, name, rate)]
    parts = [f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{HEIGHT}' "
             f"viewBox='0 0 {WIDTH} {HEIGHT}'>", f"<style>{STYLE}</style>",
             f"<rect width='{WIDTH}' height='{HEIGHT}' fill='#fff'/>", *axes(frame),
             curve(frame, rows, 1, f"stroke='{RAW}' stroke-width='1'"),
             curve(frame, rows, 2, f"stroke='{LINE}' stroke-width='2.5'"), *marks, "</svg>"]
    return "\n".join(parts) + "\n"


def read_suggestions(texts):
    """{name: rate} of NAME=RATE."""
    found = {}
    for given in texts:
        name, _, rate = given.partition("=")
        try:
            found[name] = float(rate)
        except ValueError:
            raise files.Failure(files.USAGE, f"'{given}' is not NAME=RATE") from None
    return found


def run(arguments):
    """Draws the picture; returns the exit code."""
    if len(arguments) < 2:
        raise files.Failure(files.USAGE, "usage: lr-plot FILE.csv PICTURE.svg [NAME=RATE …]")
    source, target, *given = arguments
    suggestions = read_suggestions(given)
    files.write(target, render(read(source), suggestions))
    return 0
