"""The report as a PNG picture: curves with their ranges, the differences to the baseline and, if there are references,
the distance of each group from the mean of its reference.

    report -> axes of a matplotlib figure -> bytes

Colours and marks are those of the page (colours.py); if there are many groups, the marked ones are emphasized.
"""

import io
import textwrap
import warnings

from collab_ps.page import colours as palette, scale

MANY = 8  # groups; of more only the marked ones are drawn with their range
NAME_LENGTH, NAME_WIDTH = 56, 26  # characters of a name, and of a line of it
REFERENCE_COLOUR = "#78828d"


def name(label):
    """label, shortened, and without a leading underscore, which matplotlib would not show in the legend."""
    short = label if len(label) <= NAME_LENGTH else label[:NAME_LENGTH - 1] + "…"
    return " " + short if short.startswith("_") else short


def named(label, marks):
    """'wd 0.1 (baseline)'."""
    mark = marks.get(label, "")
    return name(label) + (f" ({mark.replace(' ', ', ')})" if mark else "")


def known_epochs(band):
    return [epoch for epoch, value in enumerate(band["mean"]) if value is not None]


def draw_band(axes, band, epochs, colour, alpha, shift=0.0):
    """The range over the seeds: an area, or for a single epoch a vertical line, moved by shift."""
    low, high = ([band[end][epoch] for epoch in epochs] for end in ("low", "high"))
    if len(epochs) == 1:
        axes.vlines([epoch + shift for epoch in epochs], low, high, color=colour, alpha=0.5, lw=2)
    else:
        axes.fill_between(epochs, low, high, color=colour, alpha=alpha, lw=0)


def draw_curve(axes, group, colour, mark, many, shift):
    """Draws a group's mean curve and range; returns the handle for the legend."""
    band, epochs = group["valid"], known_epochs(group["valid"])
    means, places = [band["mean"][epoch] for epoch in epochs], [epoch + shift for epoch in epochs]
    if many and not mark:
        return axes.plot(places, means, color=colour, lw=0.9, alpha=0.8, marker="." if shift else None)[0]
    draw_band(axes, band, epochs, colour, 0.16, shift)
    return axes.plot(places, means, color=colour, lw=2.6 if mark.startswith("lowest") else 1.6, zorder=3,
                     marker="o" if len(epochs) <= 30 else None, ms=3.5)[0]


def draw_curves(axes, groups, colours, marks):
    """Mean curves of the groups; if there are many, the legend lists only the marked ones."""
    many, handles, names = len(groups) > MANY, [], []
    single = all(len(known_epochs(group["valid"])) < 2 for group in groups)
    for place, group in enumerate(groups):
        mark, shift = marks.get(group["label"], ""), (place + 0.5) / len(groups) - 0.5 if single else 0.0
        handle = draw_curve(axes, group, colours[group["label"]], mark, many, shift)
        if mark or not many:
            handles.append(handle)
            names.append(textwrap.fill(named(group["label"], marks), NAME_WIDTH + 10))
    if single:
        axes.set_xlim(-0.6, 0.6)
        axes.set_xticks([0])
    else:
        axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("epoch")
    axes.set_ylabel("valid_loss, mean and range over seeds")
    axes.grid(alpha=0.25)
    if many:
        axes.set_title(f"{len(groups)} groups, two of them marked" if len(names) == 2 else f"{len(groups)} groups",
                       fontsize=9, color="gray", loc="right")
    axes.legend(handles, names, frameon=False, fontsize=8)


def draw_difference(axes, row, gap, colour):
    """A dot with its interval."""
    if gap["low"] is not None:
        axes.plot([gap["low"], gap["high"]], [row, row], color=colour, lw=2.4, solid_capstyle="round")
    axes.plot([gap["mean"]], [row], "o", color=colour, ms=5)


def draw_differences(axes, report, colours, marks):
    """The differences to the baseline, the lowest at the top, the baseline itself at zero."""
    shown = [group for group in report["groups"] if group["difference"] or group["label"] == report["baseline"]]
    shown.sort(key=lambda group: -group["difference"]["mean"] if group["difference"] else 0.0)
    axis = scale.axis(report)
    if axis:
        axes.set_xscale("asinh", linear_width=axis["bend"])
        axes.set_xticks(axis["ticks"], [f"{tick:g}" for tick in axis["ticks"]])
        axes.set_xticks([], minor=True)
    axes.axvline(0, color="gray", lw=1)
    for row, group in enumerate(shown):
        if group["difference"]:
            draw_difference(axes, row, group["difference"], colours[group["label"]])
        else:
            axes.plot([0], [row], "o", color="white", markeredgecolor="gray", markeredgewidth=1.5, ms=6)
        if marks.get(group["label"], "").startswith("lowest"):
            axes.axhspan(row - 0.45, row + 0.45, color="#e9f5f0", zorder=0)
    many = len(shown) > MANY
    names = [named(group["label"], marks) for group in shown]
    axes.set_yticks(range(len(shown)), names if many else [textwrap.fill(one, NAME_WIDTH) for one in names],
                    fontsize=8 if many else 9)
    for text, group in zip(axes.get_yticklabels(), shown):
        text.set_fontweight("bold" if marks.get(group["label"], "").startswith("lowest") else "normal")
    spare = max(0.0, (5 - len(shown)) / 2)
    axes.set_ylim(-0.6 - spare, len(shown) - 0.4 + spare)
    axes.set_xlabel("difference to the baseline, 95 % intervals" + (", log scale" if axis else ""))
    axes.grid(axis="x", alpha=0.25)


def draw_beside(axes, group, partner, colour):
    """The mean of a group minus that of its reference, over the reference's range."""
    own, other = group["valid"], partner["valid"]
    epochs = sorted(set(known_epochs(own)) & set(known_epochs(other)))
    less = {end: [None if value is None else value - mean for value, mean in zip(other[end], other["mean"])]
            for end in ("low", "high")}
    draw_band(axes, less, epochs, REFERENCE_COLOUR, 0.3)
    axes.axhline(0, color=REFERENCE_COLOUR, lw=1, ls="--")
    axes.plot(epochs, [own["mean"][epoch] - other["mean"][epoch] for epoch in epochs], color=colour, lw=2,
              marker="o" if len(epochs) <= 30 else None, ms=3.5)
    axes.set_title(f"{name(group['label'])}, less '{name(partner['label'])}'", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.25)


def lay_out(figure, report, own, beside):
    """(axes of the curves, of the differences or None, of each group beside its reference)."""
    differences = any(group["difference"] for group in report["groups"])
    rows = max(5.0, 1.2 + 0.26 * len(own)) if differences else 5.0
    figure.set_size_inches(12 if differences else 7.5, rows + 2.2 * bool(beside))
    parts = figure.subfigures(1 + bool(beside), 1, height_ratios=[rows, 2.2][:1 + bool(beside)], squeeze=False)
    top = parts[0][0].subplots(1, 1 + differences, squeeze=False)[0]
    below = parts[1][0].subplots(1, len(beside), squeeze=False)[0] if beside else []
    return top[0], top[1] if differences else None, below


def draw(figure, report):
    labels = [group["label"] for group in report["groups"]]
    colours, marks = dict(zip(labels, palette.of_groups(report))), palette.marks(report)
    by_label = dict(zip(labels, report["groups"]))
    beside = [group for group in report["groups"] if group["beside"]][:6]
    own = [group for group in report["groups"] if not (group["reference"] and group["partner"])]
    curves, differences, below = lay_out(figure, report, own, beside)
    draw_curves(curves, own, colours, marks)
    if differences:
        draw_differences(differences, report, colours, marks)
    for axes, group in zip(below, beside):
        draw_beside(axes, group, by_label[group["beside"]["label"]], colours[group["label"]])
    if report["title"]:
        figure.suptitle(report["title"])


def render(report):
    """The bytes of the PNG file."""
    import matplotlib
    matplotlib.use("agg")
    matplotlib.rcParams["text.parse_math"] = False
    from matplotlib.figure import Figure
    figure, picture = Figure(layout="constrained"), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about characters that the font lacks, which are drawn as boxes
        draw(figure, report)
        figure.savefig(picture, format="png", dpi=110, metadata={"Software": None})
    return picture.getvalue()
