"""Labels of groups: the NAME given to their runs, or else the options in which they differ.

    runs named NAME=…              NAME, with details in brackets if several groups have it
    few, short differences         all of them: 'wd 0.1', 'wd 0.2'
    more                           those that are not at the default: 'wd 0.2, epochs 10', or 'defaults'
    many                           the name of the runs' folders if that is shorter, else the first differences

Labels are unique.
"""

import os
import re
from collections import Counter

LONGEST_WHOLE = 40  # characters of a label that names every difference
LONGEST = 56        # characters of a label that names the options not at their default
LISTED = 4          # labels in a sentence
OWN_FOLDER = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")  # the name of a run's folder without --out
SEED_ENDING = re.compile(r"[-_. ]*(seed)?[-_. ]*\d+$")


def differing(groups):
    """Names of the options in which groups of this program differ."""
    own = [group.options for group in groups if not group.runs[0].foreign]
    names = list(dict.fromkeys(name for options in own for name in options))
    differ = [name for name in names if len({options.get(name) for options in own}) > 1]
    if "wd-bias" in differ and all(options.get("wd-bias") == options.get("wd") for options in own):
        differ.remove("wd-bias")
    return differ


def usual_values(groups, names):
    """{option: its default, or else the value that most groups have}; {} if labels are short enough to name all options."""
    own = [group for group in groups if not group.runs[0].foreign]
    if max((len(describe(group, names)) for group in own), default=0) <= LONGEST_WHOLE:
        return {}
    defaults = {name: value for group in own for run in group.runs for name, value in run.defaults.items()}
    usual = {}
    for name in names:
        values = Counter(group.options.get(name) for group in own)
        usual[name] = defaults[name] if defaults.get(name) in values else values.most_common(1)[0][0]
    return usual


def is_usual(group, name, usual):
    value = group.options.get(name)
    if name == "wd-bias" and usual:
        return value == group.options.get("wd")
    return name in usual and value == usual[name]


def parts_of(group, names, usual, split):
    """['wd 0.1', 'factors 20']: the options in names whose values are not the usual ones, and the traits in split."""
    parts = [f"{name} {group.options.get(name) or 'none'}" for name in names if not is_usual(group, name, usual)]
    return parts + [f"{name} {value}" for name, value in zip(split, group.runs[0].traits(split)) if name != "name"]


def describe(group, names, split=(), usual={}):
    """'wd 0.1, factors 20', or the model if the groups differ in nothing."""
    parts = parts_of(group, names, usual, split)
    if not parts:
        return "defaults" if usual else group.options.get("model") or "all runs"
    text = ", ".join(parts)
    if not usual or len(text) <= LONGEST:
        return text
    return folder_name(group) or shorten(parts)


def shorten(parts):
    """As many parts as fit, and the number of those left out."""
    kept = list(parts)
    while len(", ".join(kept)) > LONGEST - len(" and 9 more") and len(kept) > 1:
        kept.pop()
    return ", ".join(kept) + (f" and {len(parts) - len(kept)} more" if len(kept) < len(parts) else "")


def folder_name(group):
    """The common name of the folders of a group's runs without the seed; '' if there is none, or it is too long."""
    names = {SEED_ENDING.sub("", os.path.basename(run.path)) for run in group.runs
             if not OWN_FOLDER.fullmatch(os.path.basename(run.path))}
    name = names.pop() if len(names) == 1 else ""
    return name if len(name) <= LONGEST else ""


def given_name(group):
    """The NAME that all runs of a group share, or None."""
    names = {run.name for run in group.runs}
    return names.pop() if len(names) == 1 else None


def detail(group, alike, split):
    """What distinguishes a group from others with the same label: its file or its options; '' if nothing does."""
    if group.runs[0].foreign:
        return group.runs[0].path
    names = differing(alike)
    return describe(group, names, split, usual_values(alike, names)) if names or split else ""


def give(groups, split):
    """Gives each group its label."""
    names, taken, called = differing(groups), set(), {}
    usual = usual_values(groups, names)
    for group in groups:
        shown = given_name(group) or describe(group, names, split, usual)
        if group.reference:
            shown = f"{group.runs[0].origin or 'reference'}: {shown}"
        called.setdefault(shown, []).append(group)
    for shown, alike in called.items():
        for group in alike:
            more = detail(group, alike, split) if len(alike) > 1 else ""
            group.label = unique(f"{shown} ({more})" if more else shown, taken)


def unique(text, taken):
    """text, followed by a number if it is in taken already; adds the result to taken."""
    found, count = text, 2
    while found in taken:
        found, count = f"{text} #{count}", count + 1
    taken.add(found)
    return found


def listed(labels):
    """The first labels, quoted, and the number of the others."""
    more = f" and {len(labels) - LISTED} more" if len(labels) > LISTED else ""
    return ", ".join(f"'{label}'" for label in labels[:LISTED]) + more
