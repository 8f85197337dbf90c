"""Errors in an experiment's file: each gives one line with the file and the key and exit code 2 (3 for missing files), and
nothing is trained."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from refusal import DATA, USAGE, errors_of  # noqa: E402
from verdict import Verdict  # noqa: E402
from workbench import Workbench  # noqa: E402

AXES = "[axes]\nwd = [0.1]\n"
# what is wrong: (the file, what the error says after the file's name)
FILES = {
    "no TOML": ("seeds = = 2\n", "is not TOML: .*line 1"),
    "a broken string": ('title = "a\n' + AXES, "is not TOML"),
    "a key twice": ("seeds = 1\nseeds = 2\n" + AXES, "is not TOML: Cannot overwrite a value"),
    "an empty file": ("", r"at the top: needs either \[axes\] or \[\[grid\]\]"),
    "axes and grid": (AXES + "[[grid]]\n", r"needs either \[axes\] or \[\[grid\]\]"),
    "an unknown key": ("seed = 3\n" + AXES, "at the top: unknown key 'seed'"),
    "a name with a slash": ('name = "a/b"\n' + AXES, "'name': 'a/b' cannot be the name of a folder"),
    "a name above": ('name = ".."\n' + AXES, r"'name': '\.\.' cannot"),
    "an empty name": ('name = " "\n' + AXES, "'name': not a line of text"),
    "a title of two lines": ('title = "a\\nb"\n' + AXES, "'title': not a line of text"),
    "a title that is a number": ("title = 3\n" + AXES, "'title': not a line of text"),
    "an unknown metric": ('metric = "loss"\n' + AXES, "'metric': 'loss' is none of last, best"),
    "a split of no meaning": ('by = "ranks,wd"\n' + AXES, "'by': cannot split by 'wd'"),
    "a split that is a list": ('by = ["ranks"]\n' + AXES, "'by': not a line of text"),
    "steps that are a number": ("steps = 1\n" + AXES, "'steps': neither true nor false"),
    "no jobs": ("jobs = 0\n" + AXES, "'jobs': '0' is not a number of cores"),
    "jobs in words": ('jobs = "all"\n' + AXES, "'jobs': 'all' is not a number of cores"),
    "no seeds": ("seeds = 0\n" + AXES, "'seeds': '0' is neither"),
    "fewer than no seeds": ("seeds = -1\n" + AXES, "'seeds': '-1' is neither"),
    "half a seed": ("seeds = 1.5\n" + AXES, "'seeds': '1.5' is neither"),
    "seeds in words": ('seeds = "two"\n' + AXES, "'seeds': 'two' is neither"),
    "seeds that are true": ("seeds = true\n" + AXES, "'seeds': 'true' is neither"),
    "an empty list of seeds": ("seeds = []\n" + AXES, "'seeds': .* is neither"),
    "a seed of words": ('seeds = [1, "2"]\n' + AXES, "'seeds': .* is neither"),
    "a negative seed": ("seeds = [1, -2]\n" + AXES, "'seeds': .* is neither"),
    "one fold": ("folds = 1\n" + AXES, "'folds': '1' is not a number of folds, 2 to 1000"),
    "folds in words": ('folds = "5"\n' + AXES, "'folds': '5' is not a number of folds"),
    "a fold among the options": ('[axes]\nfold = ["1/5"]\n', "not an option to set here: use 'folds'"),
    "a seed twice": ("seeds = [1, 2, 1]\n" + AXES, "'seeds': a seed is listed twice"),
    "a baseline that is nobody": ('baseline = "wd 0.2"\n' + AXES, "'baseline': no cell is called 'wd 0.2'"),
    "options that are a list": ("options = []\n" + AXES, r"\[options\]: not a table of options"),
    "an option that is a list": ("[options]\ny-range = [0, 5.5]\n" + AXES, r"\[options\], 'y-range': neither a line"),
    "an option that is a date": ("[options]\nwd = 2024-01-01\n" + AXES, r"\[options\], 'wd': neither a line"),
    "an option with a dash too many": ('[options]\n"--wd" = 1\n' + AXES, r"\[options\], '--wd': not the name"),
    "an option of odd letters": ('[options]\n"w d" = 1\n' + AXES, r"\[options\], 'w d': not the name"),
    "an empty option": ('[options]\nmodel = ""\n' + AXES, r"\[options\], 'model': neither a line"),
    "a seed among options": ("[options]\nseed = 3\n" + AXES, r"\[options\], 'seed': not an option to set here"),
    "a folder among options": ('[options]\nout = "a"\n' + AXES, r"\[options\], 'out': not an option to set here"),
    "an option file": ('[options]\nconfig = "a"\n' + AXES, r"\[options\], 'config': not an option to set here"),
    "ranks in words": ('[options]\nranks = "many"\n' + AXES, r"\[options\], 'ranks': 'many' is not a number"),
    "no ranks": ("[options]\nranks = 0\n" + AXES, r"\[options\], 'ranks': '0' is not a number of ranks"),
    "axes that are a list": ("axes = [1]\n", "at the top: 'axes' is not a table"),
    "an axis of one value": ("[axes]\nwd = 0.1\n", "axis 'wd': neither a list of values nor a table"),
    "an axis of nothing": ("[axes]\nwd = []\n", "axis 'wd': neither a list of values nor a table"),
    "an axis of lists": ("[axes]\nwd = [[0.1]]\n", "axis 'wd', 'wd': neither a line of text"),
    "an axis of seeds": ("[axes]\nseed = [1, 2]\n", "axis 'seed', 'seed': not an option to set here"),
    "a named set that is a value": ('[axes.a]\n"one" = 3\n', "axis 'a', 'one': not a table of options"),
    "a named set with a list": ('[axes.a]\none = { wd = [1] }\n', "axis 'a', 'one', 'wd': neither a line of text"),
    "a label of two lines": ('[axes.a]\n"a\\nb" = { wd = 1 }\n', "the label 'a.nb' is not a line of text"),
    "a label without letters": ('[axes.a]\n" " = { wd = 1 }\n', "the label ' ' is not a line of text"),
    "a label like an option": ('[axes.a]\n"--out" = { wd = 1 }\n', "the label '--out' looks like an option"),
    "one label for two": ('[[grid]]\naxes.wd = [1]\n[[grid]]\noptions.wd-bias = 0\naxes.wd = [1]\n',
                          "two different sets of options are both called 'wd 1'"),
    "two axes of one option": ("[axes]\nwd = [0.1]\n[axes.a]\none = { wd = 1 }\n", "axes 'wd' and 'a' both set 'wd'"),
    "a grid that is a table": ("[grid]\naxes.wd = [1]\n", r"'grid': not written as \[\[grid\]\]"),
    "a key of a grid": ("[[grid]]\naxis.wd = [1]\n", r"\[\[grid\]\] 1: unknown key 'axis'"),
    "axes of a grid": ("[[grid]]\naxes = 3\n", r"\[\[grid\]\] 1: 'axes' is not a table"),
    "options of a grid": ("[[grid]]\noptions = 3\n", r"\[\[grid\]\] 1, options: not a table"),
    "references that are text": ('references = "a"\n' + AXES, "'references': not a table"),
    "a reference that is a number": (AXES + "[references]\na = 3\n", r"\[references\], 'a': not NAME"),
    # errors that only the trainer can detect
    "an unknown option": ("[options]\nwdd = 1\n" + AXES, "'wd 0.1': unknown option '--wdd'"),
    "an unknown option of one cell": ("[axes.a]\nok = { wd = 1 }\nnot = { learning = 1 }\n",
                                      "'not': unknown option '--learning'"),
    "a value out of range": ("[axes]\nwd = [0.1, -1]\n", "'wd -1': bad value '-1' for '--wd'"),
    "a value in words": ('[axes]\nepochs = ["few"]\n', "'epochs few': bad value 'few' for '--epochs'"),
    "a flag with a value": ('[options]\nlog-steps = "yes"\n' + AXES, "'wd 0.1': '--log-steps' takes no value"),
    "a value for a flag": ("[options]\nmodel = true\n" + AXES, "'wd 0.1': '--model' .*value"),
    "what is not there yet": ('[options]\nconsistency = "ssp"\n' + AXES, "'wd 0.1': 'ssp' for '--consistency'"),
    "a decay beyond reason": ("[options]\nlr-max = 20\n" + AXES, "'wd 0.1': '--lr-max' 20 times"),
    # missing files, exit code 3
    "no such reference": (AXES + '[references]\na = "none.csv"\n', r"\[references\], 'a': no file '.*none.csv'"),
    "no such ratings": ('[options]\ndata = "nowhere"\n' + AXES, "'wd 0.1', 'data': there is no '/.*/nowhere'"),
    "no such start": ('[axes.a]\n"x" = { init = "none.safetensors" }\n', "'x', 'init': there is no '/.*/none"),
}
ABSENT = {"no such reference", "no such ratings", "no such start"}
# what is wrong: (the command line after a good file, what the error says)
COMMANDS = {
    "no seeds": (["--seeds", "0"], "--seeds: '0' is neither"),
    "seeds in words": (["--seeds", "1,x"], "--seeds: '1,x' is neither"),
    "a seed twice": (["--seeds", "4,4"], "--seeds: a seed is listed twice"),
    "an empty seed": (["--seeds", "4,"], "--seeds: '4,' is neither"),
    "--set without a value": (["--set", "epochs"], "--set 'epochs' is not OPTION=VALUE"),
    "--set of nothing": (["--set", "=3"], "--set '=3' is not OPTION=VALUE"),
    "--set of an axis": (["--set", "wd=0.2"], "--set wd: axis 'wd' of '.*' varies it"),
    "--set of a seed": (["--set", "seed=2"], "--set, 'seed': not an option to set here"),
    "--set of what is not there": (["--set", "wdd=2"], "'wd 0.1': unknown option '--wdd'"),
    "--set of a bad value": (["--set", "epochs=few"], "bad value 'few' for '--epochs'"),
    "--set of no ratings": (["--set", "data=nowhere"], "'data': there is no '/.*/nowhere'"),
    "no jobs": (["--jobs", "0"], "--jobs: '0' is not a number of cores"),
    "jobs in words": (["--jobs", "two"], "--jobs: 'two' is not a number of cores"),
    "a rule that cannot be read": (["--fail-if", "valid_loss >"], "--fail-if 'valid_loss >'"),
    "no such program": (["--program", "none"], "no program 'none'"),
    "an unknown option": (["--sets", "a=b"], "unrecognized arguments: --sets"),
}
NAMES = {
    "an unknown experiment": ("notebok", "no experiment is called 'notebok'"),
    "a path without .toml": ("../notebook", "no experiment is called '../notebook'"),
    "a file that is not there": ("none.toml", "cannot read 'none.toml': No such file"),
    "a folder": ("folder.toml", "cannot read 'folder.toml': Is a directory"),
}


def refuses(check, name, bench, arguments, code, wanted):
    run = bench.run(*arguments, "--out", "out")
    errors = errors_of(run)
    fine = run.code == code and len(errors) == 1 and re.search(wanted, errors[0]) and "Traceback" not in run.stderr
    check.that(fine and not run.stdout, name,
               errors[0] if fine else f"{run.code}: {run.stderr[-300:]} {run.stdout[:99]}")
    trained = [path.name for path in (bench.folder / "out").glob("*") if path.is_dir()]
    if trained:
        check.equal(f"{name}: nothing is trained", trained, [])


def check_files(check, bench):
    for name, (text, wanted) in FILES.items():
        bench.write("bad.toml", text)
        refuses(check, f"file: {name}", bench, ["bad.toml"], DATA if name in ABSENT else USAGE,
                f"'bad.toml'.*{wanted}")


def check_not_utf8(check, bench):
    (bench.folder / "bad.toml").write_bytes(b'title = "\xff"\n[axes]\nwd = [1]\n')
    refuses(check, "file: not UTF-8", bench, ["bad.toml"], USAGE, "'bad.toml' is not TOML")


def check_commands(check, bench):
    bench.write("good.toml", AXES)
    for name, (arguments, wanted) in COMMANDS.items():
        refuses(check, f"command: {name}", bench, ["good.toml", *arguments],
                DATA if name == "--set of no ratings" else USAGE, wanted)
    (bench.folder / "folder.toml").mkdir()
    for name, (argument, wanted) in NAMES.items():
        refuses(check, f"name: {name}", bench, [argument], USAGE, wanted)
    hint = bench.run("notebok").stderr
    check.that("notebook" in hint and "weight-decay" in hint, "an unknown experiment is told which there are",
               hint[-200:])


def check_python(check, bench):
    """An older Python is detected before it fails at something it does not know."""
    pretend = ("import sys, runpy; sys.version_info = (3, 9, 2, 'final', 0); sys.argv = sys.argv[1:]; "
               "runpy.run_path(sys.argv[0], run_name='__main__')")
    run = bench.run("notebook", python=("-c", pretend))
    check.that(run.code == USAGE and "needs Python 3.11 or later, this is 3.9" in run.stderr, "an older Python",
               run.stderr.strip())


def main():
    check = Verdict("experiment/files")
    with Workbench() as bench:
        for part in (check_files, check_not_utf8, check_commands, check_python):
            part(check, bench)
    check.finish()


main()
