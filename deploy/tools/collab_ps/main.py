"""Runs a command and ends the process with its exit code.

    collab-ps compare ARGUMENTS -> python3 TOOLS compare ARGUMENTS -> collab_ps.compare.command.run(ARGUMENTS)
"""

import importlib
import sys

from collab_ps import command_line, files

COMMANDS = {"compare": "collab_ps.compare.command", "experiment": "collab_ps.experiment.command",
            "map": "collab_ps.movie_map.command",
            "lr-plot": "collab_ps.page.lr_find", "listing": "collab_ps.listing"}  # lr-plot for 'lr-find', listing for the build
PYTHON = (3, 11)


def find(name):
    """Imports the module of a command; modules of other commands are not loaded."""
    if name not in COMMANDS:
        raise files.Failure(files.USAGE, f"no command is called '{name}'", f"there are {', '.join(COMMANDS)}")
    if sys.version_info < PYTHON and name != "listing":
        needed, found = (".".join(map(str, version[:2])) for version in (PYTHON, sys.version_info))
        raise files.Failure(files.USAGE, f"'{name}' needs Python {needed} or later, this is {found}",
                            "set COLLAB_PS_PYTHON to another one")
    return importlib.import_module(COMMANDS[name])


def main():
    name, *arguments = sys.argv[1:] or [""]
    sys.exit(command_line.end(name, lambda: find(name).run(arguments)))
