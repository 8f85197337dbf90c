"""Groups runs by configuration. Ranks, hosts, transport, instruction set, version and time are not part of it.

    runs -> equal options that affect the curve -> group: its distinct curves, mean and range over them
         -> equal options, seed and data, but another hash: the promise is broken, which is reported

Each curve counts once in a group, however many runs have it: runs of one seed count as one, and so do runs of several
seeds whose curve does not depend on the seed.
"""

from collab_ps.compare import labels, stats
from collab_ps.files import USAGE, Failure

SPLITS = ("name", "ranks", "servers", "workers", "hosts", "transport", "isa", "version")
DATA = ("ratings", "valid-pct", "train", "valid", "folds")  # options that select the ratings and their split


class Group:
    """Runs of equal options."""

    def __init__(self, runs):
        self.runs, self.label, self.reference = runs, None, runs[0].reference
        self.curves = {}  # {key of a run (Run.key): the run that counts}
        self.prints = {}  # {key: fingerprints of the data that gave this curve}
        self.twins = []   # runs with the curve of a run that has another key
        self.partner = None  # of a reference: the group with its name; of a group: its reference
        self.folds = runs[0].folds  # the number of parts of which each run holds out one; None: no cross-validation
        known = {}  # {losses: key}
        for run in runs:
            self.count(run, known)

    def count(self, run, known):
        key = known.setdefault(run.losses(), run.key())
        counted = self.curves.setdefault(key, run)
        if run.losses() == counted.losses():
            self.prints.setdefault(key, set()).add(run.fingerprint)
        if key != run.key():
            self.twins.append(run)

    def seeds(self):
        """The number of seeds; for csv files of other programs the number of curves."""
        return len({run.seed if self.folds else key for key, run in self.curves.items()})

    def overlap(self):
        """For folds the size of the validation set relative to the training set, else 0; see stats.py."""
        return 1 / (self.folds - 1) if self.folds else 0.0

    def shared(self, other):
        """Keys of the runs that can be compared in pairs: equal seed and fold, on the same data."""
        return [key for key, run in self.curves.items() if not run.foreign and key in other.curves
                and self.prints[key] & other.prints[key]]

    @property
    def options(self):
        return self.runs[0].options

    def values(self, metric):
        """{key: value} of the curves that have a value."""
        found = {key: value_of(run, metric) for key, run in self.curves.items()}
        return {key: value for key, value in found.items() if value is not None}

    def difference(self, other, metric, level=stats.LEVEL):
        """This group's value minus other's, with its interval (stats.difference); None if either has none."""
        values, others = self.values(metric), other.values(metric)
        if not values or not others:
            return None
        shared = [key for key in self.shared(other) if key in values and key in others]
        return stats.difference(values, others, shared, level, max(self.overlap(), other.overlap()))

    def epochs(self):
        """The number of epochs that all curves have."""
        return min(len(run.curve) for run in self.curves.values())

    def band(self, column):
        """{mean, low, high, sd}: lists by epoch over the curves; None at epochs where a curve has no value."""
        result = {"mean": [], "low": [], "high": [], "sd": []}
        for epoch in range(self.epochs()):
            values = [run.curve[epoch][column] for run in self.curves.values()]
            values = [] if None in values else values
            result["mean"].append(stats.mean(values))
            result["low"].append(min(values, default=None))
            result["high"].append(max(values, default=None))
            result["sd"].append(stats.deviation(values))
        return result

    def clock(self):
        """Seconds from the start to the end of each epoch, mean over all runs; None if a run has no times."""
        totals, passed = [], 0.0
        for epoch in range(self.epochs()):
            times = [run.curve[epoch]["time"] for run in self.runs]
            if None in times:
                return None
            passed += stats.mean(times)
            totals.append(passed)
        return totals


def value_of(run, metric):
    """A run's valid_loss at the last epoch ('last') or its lowest ('best'), or its last train_loss ('train')."""
    column = "train_loss" if metric == "train" else "valid_loss"
    values = [epoch[column] for epoch in run.curve if epoch[column] is not None]
    if not values:
        return None
    return min(values) if metric == "best" else values[-1]


def fill_defaults(runs):
    """Adds to runs of older versions the defaults of options that these versions lacked."""
    defaults = {}
    for run in runs:
        defaults.update(run.defaults)
    for run in (run for run in runs if not run.foreign):
        for name, value in defaults.items():
            run.options.setdefault(name, run.options.get("wd") if name == "wd-bias" else value)


def read_splits(text):
    """The names in the text of --by."""
    names = tuple(filter(None, text.split(",")))
    for name in names:
        if name not in SPLITS:
            raise Failure(USAGE, f"--by: cannot split by '{name}'", f"names are {', '.join(SPLITS)}")
    return names


def gather(runs, split=()):
    """Groups in the order of their first runs; split: further traits that the runs of a group must share."""
    fill_defaults(runs)
    found = {}
    for run in runs:
        key = (run.reference, run.origin, tuple(sorted(run.options.items(), key=str)), run.traits(split))
        found.setdefault(key, []).append(run)
    groups = [Group(members) for members in found.values()]
    labels.give(groups, split)
    pair_references(groups)
    return groups


def pair_references(groups):
    """Pairs each reference with the group of its name, and a single reference with a single group whatever their names."""
    own = {group.label: group for group in groups if not group.reference}
    references = [group for group in groups if group.reference]
    for group in references:
        partner = own.get(group.runs[0].name)
        if not partner and len(own) == len(references) == 1:
            partner = next(iter(own.values()))
        if partner:
            group.partner, partner.partner = partner, group


def drop_strangers(groups):
    """(groups without unpaired references, labels of the references removed); if no reference is paired, none is removed."""
    strangers = [group for group in groups if group.reference and not group.partner]
    if not any(group.partner for group in groups):
        return groups, []
    return [group for group in groups if group not in strangers], [group.label for group in strangers]


def broken_promises(groups):
    """Runs with equal options, seed and data whose curves differ: [(label, seed, [(hash, runs)], traits that differ)]."""
    found, together = [], {}
    for run, name in ((run, group.label) for group in groups for run in group.runs if run.curve_hash):
        key = (tuple(sorted(run.options.items(), key=str)), (run.seed, run.fingerprint))
        together.setdefault(key, (name, []))[1].append(run)
    for (_, (seed, _)), (name, runs) in together.items():
        hashes = {}
        for run in runs:
            hashes.setdefault(run.curve_hash, []).append(run)
        if len(hashes) > 1:
            found.append((name, seed, list(hashes.items()), machine_differences(runs)))
    return found


def machine_differences(runs):
    """Names of the machine traits in which the runs differ."""
    return [name for name in runs[0].machine if len({run.machine.get(name) for run in runs}) > 1]


def other_data(groups):
    """Runs with equal options and seed, but other ratings and another curve: [(label, seed)]."""
    found = []
    for group in groups:
        others = {run.seed for run in group.runs if not run.foreign and run.key() in group.curves
                  and run.fingerprint not in group.prints[run.key()]}
        found += [(group.label, seed) for seed in sorted(others)]
    return found


def same_ratings(group, other):
    """Whether both groups have the same ratings: by the fingerprints of equal seeds, since the split depends on the
    seed, or by the options if they share no seed."""
    prints = [{(run.key(), run.fingerprint) for run in one.runs} for one in (group, other)]
    if {key for key, _ in prints[0]} & {key for key, _ in prints[1]}:
        return bool(prints[0] & prints[1])
    return all(group.options.get(name) == other.options.get(name) for name in DATA)


def on_other_ratings(groups, baseline):
    """Labels of groups whose ratings are not those of the baseline."""
    own = [group for group in [baseline, *groups] if not group.runs[0].foreign]
    return [group.label for group in own[1:] if own[0] is baseline and not same_ratings(group, baseline)]


def machines(groups):
    """One row for each group and distinct set of machine traits: [(label, names, machine, runs)]."""
    rows = {}
    for group in groups:
        for run in (run for run in group.runs if not run.foreign):
            rows.setdefault((group.label, tuple(run.machine.items())), []).append(run)
    return [(name, sorted({run.name for run in runs if run.name}), dict(machine), runs)
            for (name, machine), runs in rows.items()]
