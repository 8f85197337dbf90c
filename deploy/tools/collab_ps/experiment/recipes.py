"""The values of the recipes that ship. A run trained by a recipe that has changed since counts as not done.

    NAME.conf, lines of 'name = value' -> {name: value}
"""

import functools
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
PLACES = (PACKAGE / "recipes", PACKAGE.parents[2] / "common" / "options" / "recipes")  # installed, in the sources


@functools.cache
def values(name):
    """{option: value} of the recipe; None if there is no such recipe."""
    path = next((place / f"{name}.conf" for place in PLACES if (place / f"{name}.conf").is_file()), None)
    if path is None:
        return None
    lines = [line.split("#", 1)[0] for line in path.read_text(encoding="utf-8").splitlines()]
    return {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines) if value.strip()}


def agrees(options, name, value, plain):
    """Whether the recipe in options still gives option name the recorded value. plain normalizes values for the comparison.
    For 'auto' the block solver records the value that it chose, so any recorded value agrees."""
    known = values(options.get("recipe", "none"))
    if known is None or (known.get(name) == "auto" and options.get("solver") == "block"):
        return "recipe" in options
    return name in known and plain(known[name]) == plain(value)
