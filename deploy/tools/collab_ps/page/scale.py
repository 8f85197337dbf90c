"""The axis of differences to the baseline, which has room for outliers.

Linear if the groups can be distinguished on it. Else x is drawn at asinh(x / bend): linear near zero, and logarithmic
beyond the bend, which is the median of the differences.
"""

import math
import statistics

PLAIN = 12   # longest linear axis, in multiples of the median difference
APART = 0.11  # least distance of two ticks, in lengths of the axis


def axis(report):
    """{bend, ticks: values}, in units of the loss; None for a linear axis."""
    gaps = [group["difference"] for group in report["groups"] if group["difference"]]
    sizes = [abs(gap["mean"]) for gap in gaps if gap["mean"]]
    if not sizes:
        return None
    ends = [value for gap in gaps for value in (gap["mean"], gap["low"], gap["high"]) if value is not None]
    low, high, bend = min(0.0, *ends), max(0.0, *ends), statistics.median_low(sizes)
    return {"bend": bend, "ticks": ticks(low, high, bend)} if high - low > PLAIN * bend else None


def ticks(low, high, bend):
    """Zero, then powers of ten, then five and two times powers of ten, as far as there is room for each."""
    def place(value):
        return math.asinh(value / bend)
    room, kept = APART * (place(high) - place(low)), [0.0]
    for value in (sign * float(f"{m}e{power}") for m in (1, 5, 2) for power in range(9, -9, -1) for sign in (1, -1)):
        if low <= value <= high and all(abs(place(value) - place(other)) > room for other in kept):
            kept.append(value)
    return sorted(kept)
