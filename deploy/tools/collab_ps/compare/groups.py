"""Puts runs of one configuration together, and tells what belongs to the configuration from what
does not: ranks, hosts, transport, instruction set, version and time.

    runs -> equal options that matter -> group: its distinct curves, mean and range over them
         -> equal options, seed and data, but another hash: the promise is broken, which is said

A curve counts once in a group, however many runs have it: runs of one seed are one, and so are runs of several
seeds that do not depend on it.
"""

from collab_ps.compare import labels, stats
from collab_ps.files import USAGE, Failure

SPLITS = ("name", "ranks", "servers", "workers", "hosts", "transport", "isa", "version")
DATA = ("ratings", "valid-pct", "train", "valid", "folds")  # options that say what is trained on and validated


class Group:
    """Runs of equal options."""

    def __init__(self, runs):
        self.runs, self.label, self.reference = runs, None, runs[0].reference
        self.curves = {}  # {seed, (seed, fold) or path of a foreign run: the run that counts}
        self.prints = {}  # {the same: fingerprints of the data that gave this curve}
        self.twins = []   # runs of other seeds whose curve counts already
        self.partner = None  # the group a reference belongs to, or the reference of a group
        self.folds = runs[0].folds  # into how many parts the ratings are cut, each of which a run holds out
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
        """How many; of somebody else's runs as many as there are curves."""
        return len({run.seed if self.folds else key for key, run in self.curves.items()})

    def overlap(self):
        """The share that a validation set has of its training set where runs are folds; see stats.py."""
        return 1 / (self.folds - 1) if self.folds else 0.0

    def shared(self, other):
        """Keys of the runs that can be set against each other: of one seed, and fold, on the same data."""
        return [key for key, run in self.curves.items() if not run.foreign and key in other.curves
                and self.prints[key] & other.prints[key]]

    @property
    def options(self):
        return self.runs[0].options

    def values(self, metric):
        """{key: value} of the curves, those without one left out."""
        found = {key: value_of(run, metric) for key, run in self.curves.items()}
        return {key: value for key, value in found.items() if value is not None}

    def difference(self, other, metric, level=stats.LEVEL):
        """Of this group's values to other's; None where either has none."""
        values, others = self.values(metric), other.values(metric)
        if not values or not others:
            return None
        shared = [key for key in self.shared(other) if key in values and key in others]
        return stats.difference(values, others, shared, level, max(self.overlap(), other.overlap()))

    def epochs(self):
        return min(len(run.curve) for run in self.curves.values())

    def band(self, column):
        """Mean, least and largest over the runs, epoch by epoch; None where one has no value."""
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
        """Mean seconds from the start to the end of each epoch, over all runs; None when unknown."""
        totals, passed = [], 0.0
        for epoch in range(self.epochs()):
            times = [run.curve[epoch]["time"] for run in self.runs]
            if None in times:
                return None
            passed += stats.mean(times)
            totals.append(passed)
        return totals


def value_of(run, metric):
    """'last' and 'best' speak of valid_loss, 'train' of train_loss."""
    column = "train_loss" if metric == "train" else "valid_loss"
    values = [epoch[column] for epoch in run.curve if epoch[column] is not None]
    if not values:
        return None
    return min(values) if metric == "best" else values[-1]


def fill_defaults(runs):
    """Gives runs that do not know an option, being of an older version, its default."""
    defaults = {}
    for run in runs:
        defaults.update(run.defaults)
    for run in (run for run in runs if not run.foreign):
        for name, value in defaults.items():
            run.options.setdefault(name, run.options.get("wd") if name == "wd-bias" else value)


def read_splits(text):
    """The names in --by."""
    names = tuple(filter(None, text.split(",")))
    for name in names:
        if name not in SPLITS:
            raise Failure(USAGE, f"--by: cannot split by '{name}'", f"names are {', '.join(SPLITS)}")
    return names


def gather(runs, split=()):
    """Groups in the order of their first runs; split names more that runs of a group must agree in."""
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
    """Joins each reference to the group of its name; a single one to a single group, whatever their names."""
    own = {group.label: group for group in groups if not group.reference}
    references = [group for group in groups if group.reference]
    for group in references:
        partner = own.get(group.runs[0].name)
        if not partner and len(own) == len(references) == 1:
            partner = next(iter(own.values()))
        if partner:
            group.partner, partner.partner = partner, group


def drop_strangers(groups):
    """(groups without the references that have no partner, the labels of those); all stay where none has one."""
    strangers = [group for group in groups if group.reference and not group.partner]
    if not any(group.partner for group in groups):
        return groups, []
    return [group for group in groups if group not in strangers], [group.label for group in strangers]


def broken_promises(groups):
    """Runs of equal options, seed and data whose curves differ: [(label, seed, [(hash, runs)], in what else)]."""
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
    """Names of what else the runs differ in."""
    return [name for name in runs[0].machine if len({run.machine.get(name) for run in runs}) > 1]


def other_data(groups):
    """Equal options and seed, yet other ratings, which gave another curve: [(label, seed)]."""
    found = []
    for group in groups:
        others = {run.seed for run in group.runs if not run.foreign and run.key() in group.curves
                  and run.fingerprint not in group.prints[run.key()]}
        found += [(group.label, seed) for seed in sorted(others)]
    return found


def same_ratings(group, other):
    """Do both speak of the same ratings? By the fingerprints at equal seeds, since a seed draws the split;
    without one in common by what the options say."""
    prints = [{(run.key(), run.fingerprint) for run in one.runs} for one in (group, other)]
    if {key for key, _ in prints[0]} & {key for key, _ in prints[1]}:
        return bool(prints[0] & prints[1])
    return all(group.options.get(name) == other.options.get(name) for name in DATA)


def on_other_ratings(groups, baseline):
    """Labels of groups whose losses answer another question than the baseline's."""
    own = [group for group in [baseline, *groups] if not group.runs[0].foreign]
    return [group.label for group in own[1:] if own[0] is baseline and not same_ratings(group, baseline)]


def machines(groups):
    """One row for each way runs of a group were spread: [(label, names, machine, runs)]."""
    rows = {}
    for group in groups:
        for run in (run for run in group.runs if not run.foreign):
            rows.setdefault((group.label, tuple(run.machine.items())), []).append(run)
    return [(name, sorted({run.name for run in runs if run.name}), dict(machine), runs)
            for (name, machine), runs in rows.items()]
