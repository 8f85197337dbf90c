"""What the recipes that ship set: a run by a recipe that was changed since is not done.

    NAME.conf, lines of 'name = value' -> {name: value}
"""

import functools
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
PLACES = (PACKAGE / "recipes", PACKAGE.parents[2] / "common" / "options" / "recipes")  # installed, in the sources


@functools.cache
def values(name):
    """{option: value} of the recipe; None for one that is not here."""
    path = next((place / f"{name}.conf" for place in PLACES if (place / f"{name}.conf").is_file()), None)
    if path is None:
        return None
    lines = [line.split("#", 1)[0] for line in path.read_text(encoding="utf-8").splitlines()]
    return {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines) if value.strip()}


def agrees(options, name, value, plain):
    """Does the recipe of options still set option name as a run recorded it? Values are compared as plain makes them;
    what a recipe leaves to the program ('auto'), the block solver records as it settled it."""
    known = values(options.get("recipe", "none"))
    if known is None or (known.get(name) == "auto" and options.get("solver") == "block"):
        return "recipe" in options
    return name in known and plain(known[name]) == plain(value)
