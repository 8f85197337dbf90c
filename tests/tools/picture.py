"""Renders the upper part of a comparison's page with headless Chromium: the verdicts, the curves, and the panels with
references if there are any.

    picture.py PAGE.html PICTURE.png [WIDTH]

The picture in the README shows the experiment 'notebook', on MovieLens-100k:

    build/release/collab-ps experiment notebook
    python3 tests/tools/picture.py runs/notebook/compare.html deploy/tools/collab_ps/experiments/notebook.png
"""

import os
import sys
from pathlib import Path

from browser import Browser

WIDTH = 1120
END = """
const last = document.querySelector("#beside:not([hidden])") || document.getElementById("curves");
return Math.ceil(last.getBoundingClientRect().bottom + scrollY) + 16;
"""


def main(page, picture, width=WIDTH):
    with Browser() as browser:
        browser.resize(int(width))
        browser.open(Path(page).resolve())
        drawn = browser.picture(browser.run(END))
    temporary = Path(f"{picture}.tmp")
    temporary.write_bytes(drawn)
    os.replace(temporary, picture)
    print(f"{picture}: {len(drawn) // 1024} kB")


if len(sys.argv) not in (3, 4):
    sys.exit("usage: picture.py PAGE.html PICTURE.png [WIDTH]")
main(*sys.argv[1:])
