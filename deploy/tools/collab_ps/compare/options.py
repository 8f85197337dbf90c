"""What compare takes on its command line."""

from collab_ps import command_line
from collab_ps.command_line import Option
from collab_ps.compare import groups

KINDS = ("csv", "json", "png", "html")
METRICS = ("last", "best")

EPILOG = """
A group is what agrees in every option that matters to the curve, the seed apart; a NAME is only shown,
unless the baseline is one or --by has 'name'.

Names in a rule of --fail-if: valid_loss (the one that --metric compares), last, best, train_loss, sd,
seconds, seeds, epochs, difference, low, high (ends of its interval); baseline and reference stand for
their valid_loss, and baseline.sd and the like for the rest; broken counts broken promises, skipped what
was left out. One that speaks of the baseline is judged for all other groups, any other for all.

examples:
  collab-ps compare runs/*
  collab-ps compare old=runs/a-* new=runs/b-* --baseline old --fail-if 'valid_loss > baseline + 0.002'
  collab-ps compare runs/* --reference fastai=history.csv --out report

exit codes: 0 done, 1 a rule of --fail-if is true, 2 usage, 3 data, 6 storage
"""


OPTIONS = (
    Option("baseline", argument="NAME",
           help="group the others are compared to, by its name or the path of a run in it [the first]"),
    Option("metric", argument="WHICH", choices=METRICS, default="last",
           help="valid_loss to compare: of the last epoch or of each run's best [last]"),
    Option("by", argument="NAME,…", lists=groups.SPLITS,
           help=f"split groups by what moves no curve as well: {', '.join(groups.SPLITS)}"),
    Option("reference", argument="[NAME=]FILE", repeated=True,
           help="csv history to draw beside the groups; a model of a group's name goes with it"),
    Option("steps", help="read the loss of every step too, for the page"),
    Option("title", argument="TEXT", help="heading of table, picture and page"),
    Option("fail-if", argument="RULE", repeated=True,
           help="end with exit status 1 when RULE is true of a group; may be repeated"),
    Option("out", argument="DIR", help="write compare.csv, .json, .png and .html there"),
    *(Option(kind, argument="FILE", help=f"write {kind} to FILE; '-' is standard output, in place of the table")
      for kind in KINDS),
    Option("quiet", help="print no table"))

COMMAND = command_line.Command(
    name="compare", operand="[NAME=]RUN", many=True, summary="Compares the loss curves of runs", options=OPTIONS,
    epilog=EPILOG, operand_help="a run's folder, a folder of runs, a csv history (fastai's CSVLogger) or a pattern; "
                                "NAME is shown in its place")
