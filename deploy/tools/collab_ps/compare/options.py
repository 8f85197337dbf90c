"""The command line of compare."""

from collab_ps import command_line
from collab_ps.command_line import Option
from collab_ps.compare import groups

KINDS = ("csv", "json", "png", "html")
METRICS = ("last", "best")

EPILOG = """
Runs that agree in every option that affects the curve, except the seed, form a group. A NAME is only a
label, unless --baseline names it or --by has 'name'.

Names in a rule of --fail-if: valid_loss (the loss selected by --metric), last, best, train_loss, sd,
seconds, seeds, epochs, difference, low, high (ends of its interval); baseline and reference mean their
valid_loss, baseline.sd and so on their other values; broken is the number of broken promises, skipped
that of the runs left out. A rule that refers to the baseline is evaluated for all other groups.

examples:
  collab-ps compare runs/*
  collab-ps compare old=runs/a-* new=runs/b-* --baseline old --fail-if 'valid_loss > baseline + 0.002'
  collab-ps compare runs/* --reference fastai=history.csv --out report

exit codes: 0 done, 1 a rule of --fail-if is true, 2 usage, 3 data, 6 storage
"""


OPTIONS = (
    Option("baseline", argument="NAME",
           help="group to compare the others with: its name, or the path of one of its runs [the first]"),
    Option("metric", argument="WHICH", choices=METRICS, default="last",
           help="valid_loss to compare: that of the last epoch, or of the best epoch of each run [last]"),
    Option("by", argument="NAME,…", lists=groups.SPLITS,
           help=f"also split groups by settings that do not affect the curve: {', '.join(groups.SPLITS)}"),
    Option("reference", argument="[NAME=]FILE", repeated=True,
           help="csv history to draw beside the groups; it is compared with the group of the same name"),
    Option("steps", help="also show the step losses on the page"),
    Option("title", argument="TEXT", help="title of table, picture and page"),
    Option("fail-if", argument="RULE", repeated=True,
           help="exit with code 1 if RULE is true for a group; may be repeated"),
    Option("out", argument="DIR", help="write compare.csv, .json, .png and .html there"),
    *(Option(kind, argument="FILE", help=f"write {kind} to FILE; '-' is standard output, instead of the table")
      for kind in KINDS),
    Option("quiet", help="print no table"))

COMMAND = command_line.Command(
    name="compare", operand="[NAME=]RUN", many=True, summary="Compares the loss curves of runs", options=OPTIONS,
    epilog=EPILOG, operand_help="a run's folder, a folder of runs, a csv history (fastai's CSVLogger) or a pattern; "
                                "NAME is its label")
