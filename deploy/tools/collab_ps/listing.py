"""Writes the operands and options of the Python commands as C, for the program's manual page and completion.

    tables of the commands (options.py) -> struct cps_page_script of common/options/pages.h

Run when the program is built; Python 3.8 or later is enough.
"""

import json
import sys

from collab_ps.compare.options import COMMAND as COMPARE
from collab_ps.experiment.options import COMMAND as EXPERIMENT

HEAD = """/* Written when the program is built, by 'deploy/tools listing'. */
#include "common/options/pages.h"
#include "deploy/cli/script.h"
"""


def text(value):
    """value as a C string literal, or NULL if it is empty."""
    return json.dumps(value, ensure_ascii=False) if value else "NULL"


def words(values):
    return text(" ".join(values))


def options_of(command):
    rows = [f"    {{{text(option.name)}, {text(option.argument)}, {text(option.help)}, {words(option.words)}}},"
            for option in command.options]
    return "\n".join([f"static const struct cps_page_option {command.name}_options[] = {{", *rows,
                      "    {NULL, NULL, NULL, NULL}};\n"])


def script_of(command):
    operand = command.operand + ("..." if command.many else "")
    return (f"    {{CPS_COMMAND_{command.name.upper()}, {text(operand)}, {text(command.operand_help)}, "
            f"{words(command.names)}, {command.name}_options}},")


def render(commands):
    scripts = ["const struct cps_page_script cps_scripts[] = {", *map(script_of, commands), "    {.operand = NULL}};"]
    return "\n".join([HEAD, *map(options_of, commands), *scripts]) + "\n"


def run(_arguments):
    """Writes the C file to standard output; returns the exit code."""
    sys.stdout.buffer.write(render((COMPARE, EXPERIMENT)).encode())
    return 0
