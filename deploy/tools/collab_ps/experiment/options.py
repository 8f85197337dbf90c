"""The command line of experiment, and the experiments that ship."""

from argparse import ArgumentTypeError
from pathlib import Path

from collab_ps import command_line
from collab_ps.command_line import Option

SHIPPED = Path(__file__).resolve().parents[1] / "experiments"

EPILOG = """
Only the file decides what is trained: options in the environment (COLLAB_PS_LR_MAX and so on) are ignored, except
COLLAB_PS_DATA, which names the ratings. Each run has a folder inside the experiment's. A folder that holds a
finished run with the same options is not trained again, so an interrupted experiment continues when it is
started again. Results are written to compare.html, .csv, .json and .png beside the runs.

examples:
  collab-ps experiment notebook
  collab-ps experiment weight-decay --seeds 4 --set epochs=10 --out runs/wd-10
  collab-ps experiment my.toml --fail-if 'valid_loss > baseline + 0.002'

exit codes: 0 done, 1 a rule of --fail-if is true, 2 usage, 3 data, 6 storage, 125 interrupted; if runs failed,
that of the first of them
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
    """The names of the experiments that ship."""
    return sorted(file.stem for file in folder.glob("*.toml"))


OPTIONS = (
    Option("out", argument="DIR", help="the experiment's folder [runs/NAME]"),
    Option("jobs", argument="N", parse=core_count,
           help="cores to use; each rank of a run takes one [the file's, else all]"),
    Option("seeds", argument="N|A,B,…", help="seeds, in place of the file's: how many, or which"),
    Option("folds", argument="K", parse=fold_count,
           help="folds, in place of the file's: cut the ratings into K parts and hold out each in turn"),
    Option("set", argument="OPTION=VALUE", repeated=True,
           help="an option for every run, which overrides the file's; may be repeated"),
    Option("fail-if", argument="RULE", repeated=True,
           help="exit with code 1 if RULE is true for a cell; see compare"),
    Option("program", argument="FILE", help="the trainer [that of this installation]"),
    Option("list", help="only print each run: its state (done, missing, unfinished, changed), folder and options"))

COMMAND = command_line.Command(
    name="experiment", operand="NAME|FILE.toml", many=False, options=OPTIONS, epilog=EPILOG,
    summary="Trains the runs of an experiment that are missing and compares all of them",
    operand_help=f"the name of one that ships ({', '.join(names())}) or a file of your own",
    names=tuple(names()))
