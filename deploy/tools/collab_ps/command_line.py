"""What a command takes on its command line, as a table.

    Command, its options -> argparse's parser and --help
                         -> the program's manual page and completion (listing.py)

Help is one or two sentences without a full stop; a default stands in square brackets behind it.
"""

import argparse
import sys
import traceback
from dataclasses import dataclass
from typing import Callable

from collab_ps import files


@dataclass(frozen=True)
class Option:
    """--name ARGUMENT; without an argument it is a flag. lists: names that may be joined with commas."""

    name: str
    help: str
    argument: str = ""
    choices: tuple = ()
    lists: tuple = ()
    default: str = ""
    repeated: bool = False
    parse: Callable = str

    @property
    def field(self):
        return self.name.replace("-", "_")

    @property
    def words(self):
        """What its value can be completed to."""
        return self.choices or self.lists


@dataclass(frozen=True)
class Command:
    """A command with its one kind of positional argument; names are what that may be besides a file."""

    name: str
    operand: str
    operand_help: str
    many: bool
    summary: str
    options: tuple
    epilog: str
    names: tuple = ()


class Parser(argparse.ArgumentParser):
    """Ends with the program's own words when the usage is wrong."""

    def error(self, message):
        files.say("error", message, f"'{self.prog} --help' lists the options")
        sys.exit(files.USAGE)


def add(parser, option):
    name = f"--{option.name}"
    if not option.argument:
        parser.add_argument(name, action="store_true", help=option.help)
        return
    parser.add_argument(name, metavar=option.argument, help=option.help, dest=option.field, type=option.parse,
                        choices=option.choices or None, action="append" if option.repeated else "store",
                        default=[] if option.repeated else option.default or None)


def make_parser(command):
    parser = Parser(prog=f"collab-ps {command.name}", epilog=command.epilog, description=f"{command.summary}.",
                    allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("operands" if command.many else "operand", nargs="+" if command.many else None,
                        metavar=command.operand, help=command.operand_help)
    for option in command.options:
        add(parser, option)
    return parser


def parse(command, arguments):
    """The settings; wrong usage ends the process."""
    return make_parser(command).parse_intermixed_args(arguments)


def end(name, function):
    """The exit status of function, which returns one or fails. A defect has a code of its own, so that it cannot
    be taken for a rule of --fail-if that is true."""
    try:
        return function()
    except files.Failure as failure:
        files.say("error", failure.cause, failure.hint)
        return failure.code
    except KeyboardInterrupt:
        return files.INTERRUPTED
    except Exception:
        traceback.print_exc()
        files.say("error", f"'{name}' failed because of a defect of its own, whose traceback stands above")
        return files.INTERNAL
