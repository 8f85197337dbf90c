"""Colours and marks of a report's groups, the same on the page and in the picture.

Up to eight groups get colours that colour-blind people can distinguish (those of Okabe and Ito, adjusted for thin lines
on white and on black). If there are more, the lowest and the baseline get two of these, and the others pale colours along
a ramp, in their order.
"""

SEVERAL = ("#0072b2", "#d55e00", "#009e73", "#b8549a", "#a37b00", "#3f9fd8", "#7a5cc9", "#7f7f7f")
RAMP = ((125, 120, 175), (110, 160, 180), (115, 175, 155), (170, 180, 110), (205, 165, 115), (190, 125, 130))
MARKED = {"lowest": "#d55e00", "baseline": "#0072b2"}


def ramp(position):
    """The colour at position of the ramp, from 0 to 1, as '#rrggbb'."""
    at = position * (len(RAMP) - 1)
    left = min(int(at), len(RAMP) - 2)
    mixed = (round(a + (b - a) * (at - left)) for a, b in zip(RAMP[left], RAMP[left + 1]))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def marks(report):
    """{label: 'lowest', 'baseline' or 'lowest baseline'} of the groups to emphasize; {} for fewer than two groups. No group
    is lowest if all are equal."""
    if sum(not group["reference"] for group in report["groups"]) < 2:
        return {}
    if report["lowest"] == report["baseline"]:
        return {report["baseline"]: "lowest baseline"}
    return {report["baseline"]: "baseline", **({report["lowest"]: "lowest"} if report["lowest"] else {})}


def of_groups(report):
    """A colour for each group; a reference has the colour of its group."""
    own = [group["label"] for group in report["groups"] if not (group["reference"] and group["partner"])]
    of = dict(zip(own, SEVERAL))
    if len(own) > len(SEVERAL):
        of = {label: ramp(i / (len(own) - 1)) for i, label in enumerate(own)}
        of.update({label: MARKED[mark.split()[0]] for label, mark in marks(report).items()})
    return [of.get(group["label"]) or of[group["partner"]] for group in report["groups"]]
