"""The options of a command as a table.

    Command, its options -> argparse's parser and --help
                         -> the program's manual page and completion (listing.py)

Help texts are one or two clauses without a full stop, followed by the default in square brackets.
"""

import argparse
import sys
import traceback
from dataclasses import dataclass
from typing import Callable

from collab_ps import files


@dataclass(frozen=True)
class Option:
    """--name ARGUMENT; without an argument it is a flag. lists: names that the argument may combine with commas."""

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
        """The values that shell completion offers."""
        return self.choices or self.lists


@dataclass(frozen=True)
class Command:
    """A command. operand: its positional argument, which is a file or one of names; many: it may be repeated."""

    name: str
    operand: str
    operand_help: str
    many: bool
    summary: str
    options: tuple
    epilog: str
    names: tuple = ()


class Parser(argparse.ArgumentParser):
    """Reports wrong usage in the format of the program's own errors, with exit code 2."""

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
    """The settings given by arguments, as a namespace. Wrong usage ends the process with exit code 2."""
    return make_parser(command).parse_intermixed_args(arguments)


def end(name, function):
    """Calls function and returns its exit code, or that of the error it raised, which is reported. Internal errors have
    a code of their own, so that they cannot be mistaken for a --fail-if rule that is true."""
    try:
        return function()
    except files.Failure as failure:
        files.say("error", failure.cause, failure.hint)
        return failure.code
    except KeyboardInterrupt:
        return files.INTERRUPTED
    except Exception:
        traceback.print_exc()
        files.say("error", f"'{name}' failed because of an internal error; its traceback is above")
        return files.INTERNAL
