"""What experiment takes on its command line, and which experiments ship."""

from argparse import ArgumentTypeError
from pathlib import Path

from collab_ps import command_line
from collab_ps.command_line import Option

SHIPPED = Path(__file__).resolve().parents[1] / "experiments"

EPILOG = """
What is trained stands in the file alone: options in the environment (COLLAB_PS_LR_MAX and the like) are left
aside, but for the ratings that COLLAB_PS_DATA names. Each run has a folder in the experiment's; one that holds
a finished run of just these options is not trained again, so an experiment that was interrupted is gone on with
by starting it once more. Results go to compare.html, .csv, .json and .png beside the runs.

examples:
  collab-ps experiment notebook
  collab-ps experiment weight-decay --seeds 4 --set epochs=10 --out runs/wd-10
  collab-ps experiment my.toml --fail-if 'valid_loss > baseline + 0.002'

exit codes: 0 done, 1 a rule of --fail-if is true, 2 usage, 3 data, 6 storage, 125 interrupted; otherwise that of
the first run that failed
"""


def core_count(text):
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"'{text}' is not a number of cores, 1 or more")
    return int(text)


def fold_count(text):
    if not text.isdecimal() or int(text) < 2:
        raise ArgumentTypeError(f"'{text}' is not a number of folds, 2 or more")
    return int(text)


def names(folder=SHIPPED):
    """Of the experiments that ship."""
    return sorted(file.stem for file in folder.glob("*.toml"))


OPTIONS = (
    Option("out", argument="DIR", help="the experiment's folder [runs/NAME]"),
    Option("jobs", argument="N", parse=core_count,
           help="cores to use: runs at once, ranks counted [the file's, else all]"),
    Option("seeds", argument="N|A,B,…", help="instead of the file's: how many, or which"),
    Option("folds", argument="K", parse=fold_count,
           help="instead of the file's: cut the ratings into K parts and hold out each in turn"),
    Option("set", argument="OPTION=VALUE", repeated=True,
           help="an option for every run, over the file's; may be repeated"),
    Option("fail-if", argument="RULE", repeated=True,
           help="end with exit status 1 when RULE is true of a cell, as compare has it"),
    Option("program", argument="FILE", help="the trainer [the one this belongs to]"),
    Option("list", help="only print each run: its state (done, missing, unfinished, changed), folder and options"))

COMMAND = command_line.Command(
    name="experiment", operand="NAME|FILE.toml", many=False, options=OPTIONS, epilog=EPILOG,
    summary="Trains the runs of an experiment that are missing and compares all of them",
    operand_help=f"one that ships ({', '.join(names())}) or a file of one's own",
    names=tuple(names()))
