"""Runs an experiment: from a declarative file to a folder a run, and on to a comparison.

    experiment.py NAME|FILE.toml [--out DIR] [--jobs N] [--seeds N|A,B,…] [--set OPTION=VALUE …]

      NAME.toml -> grids -> cells (one set of options) × seeds -> runs
      a run is missing unless its run.json says done, with these options on this data
      missing runs are trained, several at once; then 'compare' is called on all of them

Kill it at any moment, by any means, and start it again: what is done stays, what was cut short is
trained anew. experiments.md tells what a file may say.
"""

import argparse
import ctypes
import fcntl
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "compare"))
import runs as records  # noqa: E402
from files import DATA, STORAGE, USAGE, Failure, say  # noqa: E402

KEYS = {"name", "title", "seeds", "baseline", "metric", "by", "steps", "jobs", "options", "axes", "grid", "references"}
MPI_ENVIRONMENT = {"OMPI_MCA_rmaps_base_oversubscribe": "1"}
INTERRUPTED = 125


class Cell:
    """One set of options, to be trained with every seed."""

    def __init__(self, label, options):
        self.label, self.options = label, dict(options)
        self.ranks = int(self.options.pop("ranks", 1))


class Job:
    """One run: a cell with a seed, and the folder it belongs in."""

    def __init__(self, cell, seed, folder, data):
        self.cell, self.seed = cell, seed
        self.name = re.sub(r"[^\w.+-]+", "-", f"{cell.label} seed {seed}")
        self.folder = folder / self.name
        self.options = {**cell.options, "seed": seed, **({"data": data} if data else {})}
        self.process = self.code = self.began = None

    def arguments(self):
        found = []
        for name, value in self.options.items():
            if isinstance(value, bool):
                found.append(f"--{name}" if value else f"--no-{name}")
            else:
                found.append(f"--{name}={value}")
        return found + [f"--out={self.folder}", "--progress=none", "--log-level=warn"]

    def is_done(self):
        """Does its folder hold this very run, whole?"""
        try:
            record = records.read_record(self.folder)
            records.read_folder(self.folder, None)
        except records.Unusable:
            return False
        return len(record["cluster"]["ranks"]) == self.cell.ranks and all(
            self.agrees(name, entry) for name, entry in record["options"].items()) and all(
            name in record["options"] for name in self.options)

    def agrees(self, name, entry):
        """Was option name as wanted, and left alone where nothing is wanted of it?"""
        if name in self.options:
            wanted = self.options[name]
            wanted = {True: "on", False: "off"}[wanted] if isinstance(wanted, bool) else str(wanted)
            return records.plain(entry["value"]) == records.plain(wanted)
        return entry["source"] == "default" or (name in records.ASIDE and name != "data")


# ---- the file ----------------------------------------------------------------------------------------------

def find_file(name):
    """The experiment's file, given by path or by the name of one that ships."""
    path = Path(name)
    if path.suffix == ".toml":
        return path
    shipped = HERE / "experiments" / f"{name}.toml"
    if not shipped.exists():
        names = ", ".join(sorted(file.stem for file in shipped.parent.glob("*.toml")))
        raise Failure(USAGE, f"no experiment is called '{name}'", f"there are {names}; a file's name ends in .toml")
    return shipped


def load(path):
    """The file as a dict, with what it must have."""
    try:
        plan = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Failure(USAGE, f"cannot read '{path}': {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Failure(USAGE, f"'{path}' is not TOML: {error}") from None
    for key in plan:
        if key not in KEYS:
            raise Failure(USAGE, f"'{path}' has an unknown key '{key}'", f"keys are {', '.join(sorted(KEYS))}")
    plan.setdefault("name", path.stem)
    if ("axes" in plan) == ("grid" in plan):
        raise Failure(USAGE, f"'{path}' needs either [axes] or [[grid]]")
    return plan


def axis_values(name, axis):
    """[(label, options)] along an axis: values of the option it is called by, or named sets of options."""
    if isinstance(axis, list) and axis:
        return [(f"{name} {value}", {name: value}) for value in axis]
    if isinstance(axis, dict) and axis and all(isinstance(options, dict) for options in axis.values()):
        return [(label, options) for label, options in axis.items()]
    raise Failure(USAGE, f"axis '{name}' is neither a list of values nor a table of named option sets")


def expand(plan, overrides):
    """The cells of all grids, each set of options once."""
    cells, known = [], []
    for grid in plan.get("grid") or [{"axes": plan["axes"]}]:
        axes = [axis_values(name, axis) for name, axis in grid.get("axes", {}).items()]
        for point in itertools.product(*axes):
            options = {**plan.get("options", {}), **grid.get("options", {})}
            for _, extra in point:
                options.update(extra)
            options.update(overrides)
            if options not in known:
                known.append(options)
                cells.append(Cell(", ".join(label for label, _ in point) or plan["name"], options))
    labels = [cell.label for cell in cells]
    for label in labels:
        if labels.count(label) > 1:
            raise Failure(USAGE, f"two different sets of options are both called '{label}'")
    return cells


def seed_list(value):
    """5 is 1 to 5; a list, or its text, is itself."""
    if isinstance(value, str):
        parts = value.split(",")
        try:
            value = [int(part) for part in parts] if len(parts) > 1 else int(value)
        except ValueError:
            raise Failure(USAGE, f"'{value}' is neither a number of seeds nor a list of them") from None
    seeds = list(range(1, value + 1)) if isinstance(value, int) else value
    if not seeds or len(set(seeds)) < len(seeds):
        raise Failure(USAGE, "seeds must be at least one, and each another")
    return seeds


# ---- running -----------------------------------------------------------------------------------------------

def find_program(given):
    """The trainer: as told, beside an installed copy of this script, or in the tree's release build."""
    candidates = [given] if given else [os.environ.get("COLLAB_PS_PROGRAM"), HERE.parents[1] / "bin" / "collab-ps",
                                        HERE.parent / "build" / "release" / "collab-ps", shutil.which("collab-ps")]
    for candidate in filter(None, candidates):
        if os.access(candidate, os.X_OK) and os.path.isfile(candidate):
            return str(Path(candidate).resolve())
    raise Failure(USAGE, "no program 'collab-ps' to train with", "name it with --program, or build it")


def environment():
    """Without options of whoever starts the experiment: the file alone says what is trained."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COLLAB_PS_")}
    return {**kept, **MPI_ENVIRONMENT}


def die_with_parent():
    """Asks the kernel to end a trainer whose experiment was killed."""
    death_signal = 1
    ctypes.CDLL(None).prctl(death_signal, signal.SIGTERM)


def lock(folder):
    """Holds the experiment for this process and the trainers it starts, which inherit the file: a lock
    that is free means that nothing of a former start still runs."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    os.set_inheritable(descriptor, True)
    for attempt in range(100):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if attempt == 0:
                say("note", f"'{folder}' is in use: waiting for the other to end")
            time.sleep(0.2)
    raise Failure(STORAGE, f"another experiment is running in '{folder}'")


def start(job, program, lock_descriptor):
    """Starts a trainer in job's folder, which is cleared of what a former one left half done."""
    if job.folder.exists():
        shutil.rmtree(job.folder)
    command = [program, *job.arguments()]
    if job.cell.ranks > 1:
        command = ["mpirun", "-n", str(job.cell.ranks), "--bind-to", "none", *command]
    job.log = open(job.folder.with_name(job.name + ".log"), "w+", encoding="utf-8", errors="replace")
    job.began = time.monotonic()
    job.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=job.log, stderr=job.log,
                                   env=environment(), pass_fds=[lock_descriptor], preexec_fn=die_with_parent,
                                   start_new_session=True)


def finish(job):
    """Takes a trainer's end: its code, and of a failed one the last words."""
    job.code = job.process.returncode
    job.log.seek(0)
    words = [line for line in job.log.read().splitlines() if line.strip()]
    job.log.close()
    if job.code == 0 and job.is_done():
        os.remove(job.log.name)
        with open(job.folder / "run.json", encoding="utf-8") as file:
            return f"valid_loss {json.load(file)['result']['valid_loss']}"
    job.code = job.code or DATA
    errors = [line for line in words if "error:" in line] or words[-1:]
    return f"failed with exit code {job.code}: {errors[0] if errors else 'it said nothing'}"


def stop(jobs):
    """Ends trainers that still run, and waits for them."""
    for job in jobs:
        job.process.terminate()
    for job in jobs:
        try:
            job.process.wait(10)
        except subprocess.TimeoutExpired:
            job.process.kill()
            job.process.wait()


def train(jobs, program, cores, lock_descriptor):
    """Trains jobs, as many at once as cores hold; a job of more ranks than that runs alone."""
    waiting, running, done = list(jobs), [], 0
    try:
        while waiting or running:
            while waiting and (not running or sum(job.cell.ranks for job in running) + waiting[0].cell.ranks <= cores):
                running.append(waiting.pop(0))
                start(running[-1], program, lock_descriptor)
            ended = [job for job in running if job.process.poll() is not None]
            for job in ended:
                running.remove(job)
                done += 1
                text = finish(job)
                say("run", f"[{done:{len(str(len(jobs)))}}/{len(jobs)}] {job.name}: {text}, "
                    f"{time.monotonic() - job.began:.1f} s")
            if not ended:
                time.sleep(0.01)
    except BaseException:
        stop([job for job in running if job.process])
        raise


def check_folders(jobs):
    """Refuses to clear what is not a run's folder."""
    for job in jobs:
        inside = os.listdir(job.folder) if job.folder.is_dir() else []
        if inside and not any(name.startswith("run.json") for name in inside):
            raise Failure(STORAGE, f"'{job.folder}' holds files that no run left there",
                          "move it away, or choose another --out")


# ---- comparing ---------------------------------------------------------------------------------------------

def reference_arguments(plan, path):
    """--reference for each of the file's references; a relative path is the experiment file's."""
    found = []
    for name, file in plan.get("references", {}).items():
        if not (path.parent / file).exists():
            say("warning", f"no reference '{file}' beside '{path}'")
            continue
        found += ["--reference", f"{name}={path.parent / file}"]
    return found


def compare(plan, path, jobs, out, extra):
    """Hands over to compare: labels stand before the runs' folders."""
    command = [sys.executable, str(HERE / "compare"), *(f"{job.cell.label}={job.folder}" for job in jobs),
               "--out", str(out), "--title", plan.get("title", plan["name"])]
    for key in ("baseline", "metric", "by"):
        if key in plan:
            command += [f"--{key}", plan[key]]
    if plan.get("steps"):
        command.append("--steps")
    return subprocess.run(command + reference_arguments(plan, path) + extra, check=False).returncode


# ---- command line ------------------------------------------------------------------------------------------

class Parser(argparse.ArgumentParser):
    def error(self, message):
        say("error", message, "'collab-ps experiment --help' lists the options")
        sys.exit(USAGE)


def parse():
    names = ", ".join(sorted(file.stem for file in (HERE / "experiments").glob("*.toml")))
    parser = Parser(prog="collab-ps experiment", allow_abbrev=False,
                    description="Trains the runs of an experiment that are missing and compares all of them.")
    parser.add_argument("experiment", metavar="NAME|FILE.toml", help=f"one that ships ({names}) or a file of one's own")
    parser.add_argument("--out", metavar="DIR", help="the experiment's folder [runs/NAME]")
    parser.add_argument("--jobs", type=int, metavar="N", help="cores to use: runs at once, ranks counted [all]")
    parser.add_argument("--seeds", metavar="N|A,B,…", help="instead of the file's: how many, or which")
    parser.add_argument("--set", metavar="OPTION=VALUE", action="append", default=[], dest="overrides",
                        help="an option for every run, over the file's; may be repeated")
    parser.add_argument("--fail-if", metavar="RULE", action="append", default=[], help="passed on to compare")
    parser.add_argument("--program", metavar="FILE", help="the trainer [the one this belongs to]")
    parser.add_argument("--list", action="store_true", help="only say what would be run")
    return parser.parse_args()


def read_overrides(texts):
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Failure(USAGE, f"--set '{text}' is not OPTION=VALUE")
        found[name.removeprefix("--")] = value
    return found


def default_data():
    """The ratings when nobody names them: the environment's, as an absolute path that stays true."""
    named = os.environ.get("COLLAB_PS_DATA")
    return os.path.abspath(named) if named else None


def run(settings):
    path = find_file(settings.experiment)
    plan = load(path)
    overrides = read_overrides(settings.overrides)
    data = overrides.pop("data", None) or plan.get("options", {}).get("data") or default_data()
    cells = expand(plan, overrides)
    out = Path(settings.out or f"runs/{plan['name']}")
    seeds = seed_list(settings.seeds or plan.get("seeds", 1))
    jobs = [Job(cell, seed, out, data) for cell in cells for seed in seeds]
    if settings.list:
        for job in jobs:
            print(f"{'done   ' if job.is_done() else 'missing'} {job.folder} {shlex.join(job.arguments())}")
        return 0
    program = find_program(settings.program)
    out.mkdir(parents=True, exist_ok=True)
    held = lock(out)
    missing = [job for job in jobs if not job.is_done()]
    check_folders(missing)
    say("note", f"{plan['name']}: {len(jobs)} runs in '{out}', {len(jobs) - len(missing)} of them done")
    train(missing, program, settings.jobs or plan.get("jobs") or os.cpu_count() or 1, held)
    failed = [job for job in missing if job.code]
    code = compare(plan, path, jobs, out, [part for rule in settings.fail_if for part in ("--fail-if", rule)])
    if code == 0 and out.joinpath("compare.html").exists():
        say("note", f"the page is '{out}/compare.html'")
    return code or (failed[0].code if failed else 0)


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(run(parse()))
    except Failure as failure:
        say("error", failure.cause, failure.hint)
        sys.exit(failure.code)
    except OSError as error:
        say("error", f"cannot write '{error.filename}': {error.strerror}")
        sys.exit(STORAGE)
    except KeyboardInterrupt:
        say("note", "interrupted; started again, it goes on with what is missing")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
