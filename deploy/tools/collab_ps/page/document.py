"""The report as a self-contained HTML page: page.html with style, scripts and the report's data inserted.

    report -> colours and marks -> embedded in page.html with page.css, chart.js, forest.js, tables.js, page.js
"""

import html
import json
import os

from collab_ps.compare import table
from collab_ps.page import colours, scale

SCRIPTS = ("chart.js", "forest.js", "tables.js", "page.js")


def part(name):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), encoding="utf-8") as file:
        return file.read()


def embed(report):
    """The report as JSON, escaped for a script element."""
    marked = colours.marks(report)
    data = {**report, "axis": scale.axis(report), "groups": [{**group, "colour": colour, "mark": marked.get(group["label"])}
                                 for group, colour in zip(report["groups"], colours.of_groups(report))]}
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def render(report):
    """The page. Without scripts it shows the table of the terminal."""
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
