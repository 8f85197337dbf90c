"""The report as a PNG picture: curves with their bands, and the differences to the baseline."""

import io

import page


def draw_curves(axes, report, colours):
    """Mean curves over the range of their seeds; references dashed, in the colour of their group."""
    for group in report["groups"]:
        colour = colours[group["partner"] if group["reference"] and group["partner"] else group["label"]]
        band = group["valid"]
        known = [epoch for epoch, value in enumerate(band["mean"]) if value is not None]
        axes.plot(known, [band["mean"][epoch] for epoch in known], color=colour, lw=1.6, marker="o", ms=3,
                  ls="--" if group["reference"] else "-", label=group["label"])
        axes.fill_between(known, [band["low"][epoch] for epoch in known], [band["high"][epoch] for epoch in known],
                          color=colour, alpha=0.12, lw=0)
    axes.set_xlabel("epoch")
    axes.set_ylabel("valid_loss, mean and range over seeds")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=8)


def draw_differences(axes, report, colours):
    """One dot and interval a group, below or above the baseline's zero."""
    shown = [group for group in report["groups"] if group["difference"]][::-1]
    for row, group in enumerate(shown):
        gap = group["difference"]
        if gap["low"] is not None:
            axes.plot([gap["low"], gap["high"]], [row, row], color=colours[group["label"]], lw=2)
        axes.plot([gap["mean"]], [row], "o", color=colours[group["label"]], ms=5)
    axes.axvline(0, color="gray", lw=1)
    axes.set_yticks(range(len(shown)), [group["label"] for group in shown])
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_xlabel(f"difference to '{report['baseline']}', 95 % interval")
    axes.grid(axis="x", alpha=0.25)


def render(report):
    """The bytes of a PNG."""
    import matplotlib
    matplotlib.use("agg")
    matplotlib.rcParams["text.parse_math"] = False
    from matplotlib.figure import Figure
    colours = dict(zip([group["label"] for group in report["groups"]], page.colours(report)))
    differences = any(group["difference"] for group in report["groups"])
    figure = Figure(figsize=(12 if differences else 7, 5), layout="constrained")
    axes = figure.subplots(1, 1 + differences, squeeze=False)
    draw_curves(axes[0][0], report, colours)
    if differences:
        draw_differences(axes[0][1], report, colours)
    if report["title"]:
        figure.suptitle(report["title"])
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110, metadata={"Software": None})
    return picture.getvalue()
