"""The report as one HTML page that needs nothing else: page.html with its style, its script and the
report's numbers put in.

Colours are picked here so that page and picture agree: up to eight groups get colours that people
with any eyes can tell apart (Okabe and Ito's, mended for thin lines on white and on black), more get
steps along a ramp, in their order.
"""

import json
import os

SEVERAL = ("#0072b2", "#d55e00", "#009e73", "#b8549a", "#a37b00", "#3f9fd8", "#7a5cc9", "#7f7f7f")
RAMP = ((68, 60, 150), (33, 128, 165), (35, 160, 120), (150, 170, 30), (222, 125, 20), (190, 40, 60))


def ramp(position):
    """The colour at position, from 0 to 1."""
    at = position * (len(RAMP) - 1)
    left = min(int(at), len(RAMP) - 2)
    mixed = (round(a + (b - a) * (at - left)) for a, b in zip(RAMP[left], RAMP[left + 1]))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def colours(report):
    """One colour a group; a reference has that of its group."""
    own = [group["label"] for group in report["groups"] if not (group["reference"] and group["partner"])]
    picked = SEVERAL if len(own) <= len(SEVERAL) else [ramp(i / (len(own) - 1)) for i in range(len(own))]
    of = dict(zip(own, picked))
    return [of.get(group["label"]) or of[group["partner"]] for group in report["groups"]]


def part(name):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), encoding="utf-8") as file:
        return file.read()


def embed(report):
    """The report as JSON that may stand within a script element."""
    data = {**report, "groups": [{**group, "colour": colour}
                                 for group, colour in zip(report["groups"], colours(report))]}
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def render(report):
    page = part("page.html").replace("/* style */", part("page.css")).replace("/* script */", part("page.js"))
    before, mark, after = page.partition("/* data */")
    return before + embed(report) + after
