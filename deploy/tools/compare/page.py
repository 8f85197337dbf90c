"""The report as one HTML page that needs nothing else: page.html with its style, its scripts and the
report's numbers put in.

    report -> colours and marks -> embedded in page.html with page.css, chart.js, forest.js, tables.js, page.js

Colours are picked here so that page and picture agree: up to eight groups get colours that people
with any eyes can tell apart (Okabe and Ito's, mended for thin lines on white and on black). Of more
the lowest and the baseline get two of these and the others pale steps along a ramp, in their order.
"""

import html
import json
import os

import table

SEVERAL = ("#0072b2", "#d55e00", "#009e73", "#b8549a", "#a37b00", "#3f9fd8", "#7a5cc9", "#7f7f7f")
RAMP = ((125, 120, 175), (110, 160, 180), (115, 175, 155), (170, 180, 110), (205, 165, 115), (190, 125, 130))
MARKED = {"lowest": "#d55e00", "baseline": "#0072b2"}
SCRIPTS = ("chart.js", "forest.js", "tables.js", "page.js")


def ramp(position):
    """The colour at position, from 0 to 1."""
    at = position * (len(RAMP) - 1)
    left = min(int(at), len(RAMP) - 2)
    mixed = (round(a + (b - a) * (at - left)) for a, b in zip(RAMP[left], RAMP[left + 1]))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def marks(report):
    """{label: 'lowest', 'baseline' or 'lowest baseline'} of the groups to stand out, where there are two
    or more; none is lowest where all are equal."""
    means = {group["label"]: group[report["metric"]]["mean"] for group in report["groups"] if not group["reference"]}
    rivals = {label: mean for label, mean in means.items() if mean is not None}
    if len(means) < 2:
        return {}
    least = min(rivals.values(), default=None)
    lowest = [label for label, mean in rivals.items() if mean == least]
    if len(lowest) == len(rivals):
        return {report["baseline"]: "baseline"}
    if report["baseline"] in lowest:
        return {report["baseline"]: "lowest baseline"}
    return {report["baseline"]: "baseline", lowest[0]: "lowest"}


def colours(report):
    """One colour a group; a reference has that of its group."""
    own = [group["label"] for group in report["groups"] if not (group["reference"] and group["partner"])]
    of = dict(zip(own, SEVERAL))
    if len(own) > len(SEVERAL):
        of = {label: ramp(i / (len(own) - 1)) for i, label in enumerate(own)}
        of.update({label: MARKED[mark.split()[0]] for label, mark in marks(report).items()})
    return [of.get(group["label"]) or of[group["partner"]] for group in report["groups"]]


def part(name):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), encoding="utf-8") as file:
        return file.read()


def embed(report):
    """The report as JSON that may stand within a script element."""
    marked = marks(report)
    data = {**report, "groups": [{**group, "colour": colour, "mark": marked.get(group["label"])}
                                 for group, colour in zip(report["groups"], colours(report))]}
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def render(report):
    """The page; without scripts it shows the table that a terminal would."""
    parts = {"<!-- title -->": html.escape(report["title"] or "Comparison of runs"),
             "<!-- table -->": html.escape(table.render(report)), "/* style */": part("page.css"),
             "/* data */": embed(report), "/* script */": "\n".join(part(name) for name in SCRIPTS)}
    page = part("page.html")
    places = sorted((page.index(mark), mark) for mark in parts)
    pieces, end = [], 0
    for place, mark in places:
        pieces += [page[end:place], parts[mark]]
        end = place + len(mark)
    return "".join(pieces) + page[end:]
