"""Installs the built tree, moves it to another folder and uses it there.

    installed.py BUILD

    cmake --install BUILD -> a prefix -> moved -> its program trains, compares and experiments
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
from refusal import USAGE, errors_of  # noqa: E402
from verdict import Verdict  # noqa: E402

TINY = ["--users", 40, "--movies", 60, "--ratings", 1500, "--seed", 3]
EXPERIMENT = """
seeds = 2
[options]
epochs = 1
[axes]
factors = [2, 3]
"""


def install(build, folder):
    """Installs a copy, moves it and returns the path of its program."""
    first, then = folder / "first", folder / "then moved"
    subprocess.run(["cmake", "--install", build, "--prefix", first], check=True, stdout=subprocess.DEVNULL)
    shutil.move(first, then)
    return then / "bin" / "collab-ps"


def run(program, *arguments, cwd, ranks=None, **variables):
    command = [str(program), *map(str, arguments)]
    command = command if ranks is None else ["mpirun", "--quiet", "-n", str(ranks), *command]
    done = subprocess.run(command, cwd=cwd, env={**launch.environment(ranks or 1), **variables}, timeout=60, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return launch.Finished(done.returncode, done.stdout, done.stderr, 0)


def uses_its_own_files(check, program, folder):
    """compare and experiment come from the installed copy, not from the sources."""
    where = run(program, "compare", cwd=folder, COLLAB_PS_PYTHON="echo").stdout.rstrip().removesuffix("compare").strip()
    own = os.path.realpath(program.parents[1])
    check.that(os.path.realpath(where).startswith(own + "/"), "compare is that of the copy", where)
    listed = run(program, "experiment", "nothing", cwd=folder)
    check.that("notebook" in listed.stderr, "the experiments that ship are there", listed.stderr.strip()[-200:])


def trains_and_compares(check, program, folder):
    check.equal("synth", run(program, "synth", *TINY, "--out", "data", cwd=folder).code, 0)
    (folder / "own.toml").write_text(EXPERIMENT)
    done = run(program, "experiment", "own.toml", cwd=folder, COLLAB_PS_DATA="data")
    check.that(done.code == 0 and "factors 3" in done.stdout, "an experiment of one's own", done.stderr[-300:])
    check.that((folder / "runs" / "own" / "compare.html").exists(), "and its page")
    check.equal("no word of the sources", program.parents[1].name in done.stdout, False)
    alone = run(program, "compare", "runs/own", "--quiet", "--csv", "-", cwd=folder)
    check.that(alone.code == 0 and alone.stdout.startswith("group,"), "compare alone", alone.stderr[-300:])
    shared = run(program, "compare", "runs/own", "--csv", "-", cwd=folder, ranks=3)
    check.equal("under mpirun one rank speaks for all", shared.stdout, alone.stdout)
    broken = run(program, "compare", "runs/own", "--fail-if", "valid_loss > 0", cwd=folder)
    check.equal("a rule that is true is exit code 1", broken.code, 1)


def experiment_notebook(check, program, folder):
    """A shipped experiment, with its reference, on the same tiny ratings."""
    done = run(program, "experiment", "notebook", "--seeds", 1, "--set", "epochs=1", cwd=folder, COLLAB_PS_DATA="data")
    check.that(done.code == 0 and "fastai: bias-wd" in done.stdout, "a shipped experiment finds its reference",
               done.stderr[-300:])


def refusals(check, program, folder):
    cases = {
        "a Python that is not there": (["compare", "x"], None, {"COLLAB_PS_PYTHON": "./no-python"}, "no-python"),
        "an experiment under mpirun": (["experiment", "notebook"], 2, {}, "starts the ranks"),
    }
    for name, (arguments, ranks, variables, words) in cases.items():
        done = run(program, *arguments, cwd=folder, ranks=ranks, **variables)
        check.that(done.code == USAGE and len(errors_of(done)) == 1 and words in errors_of(done)[0], name,
                   f"{done.code}: {done.stderr.strip()[-200:]}")


def complete(program, *words):
    """The completions that bash offers for the last word, using the installed completion."""
    script = program.parents[1] / "share" / "bash-completion" / "completions" / "collab-ps"
    asked = 'source "$0"; COMP_WORDS=(collab-ps "$@"); COMP_CWORD=$#; _collab_ps; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", asked, script, *words], capture_output=True, text=True, check=True,
                          cwd=program.parent)
    return done.stdout.split()


def completion(check, program, folder):
    """Commands written in Python are completed like those in C, from their own tables."""
    cases = {("experiment", "note"): ["notebook"], ("compare", "--bas"): ["--baseline"],
             ("compare", "x", "--metric", ""): ["last", "best"], ("experiment", "x", "--out", "col"): [],
             ("compare", "x", "--by", "tr"): ["transport"], ("compare", "coll"): ["collab-ps"],
             ("--optimizer", "ad"): ["adam", "adagrad"], ("experi",): ["experiment"]}
    for words, wanted in cases.items():
        check.equal(f"completion of '{' '.join(words)}'", complete(program, *words), wanted)
    manual = (program.parents[1] / "share" / "man" / "man1" / "collab-ps.1").read_text().replace("\\-", "-")
    for command in ("compare", "experiment"):
        told = run(program, command, "--help", cwd=folder).stdout
        options = set(re.findall(r"^  (--[a-z-]+)", told, re.MULTILINE))
        own = manual.partition(f".SS Of {command}\n")[2].partition("\n.S")[0]
        check.that(len(options) > 6 and options == set(re.findall(r"^\.B (--[a-z-]+)", own, re.MULTILINE)),
                   f"the manual has all options of {command}", ", ".join(sorted(options)))
        check.equal(f"completion has all options of {command}", sorted(complete(program, command, "--")),
                    sorted(options | {"--help"}))


def without_scripts(check, program, folder):
    """A program that was copied without scripts uses those of its sources; if these are missing, it reports that."""
    alone = folder / "alone" / "bin"
    alone.mkdir(parents=True)
    shutil.copy(program, alone)
    done = run(alone / "collab-ps", "compare", cwd=folder, COLLAB_PS_PYTHON="echo")
    check.that(done.code == 0 and done.stdout.strip().endswith("deploy/tools compare"), "a bare program uses the sources",
               done.stdout.strip())


def main():
    check = Verdict("install")
    with tempfile.TemporaryDirectory(prefix="collab-ps-install-") as name:
        folder = Path(name)
        program = install(sys.argv[1], folder)
        for part in (uses_its_own_files, completion, trains_and_compares, experiment_notebook, refusals, without_scripts):
            part(check, program, folder)
    check.finish()


if __name__ == "__main__":
    main()
