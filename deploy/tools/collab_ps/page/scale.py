"""The axis of differences to the baseline: one that shows every group, however far out some lie.

Plain where that keeps the others apart. Else x is drawn at asinh(x / bend): evenly near zero, and by orders of
magnitude beyond the bend, which is the middle one of the differences.
"""

import math
import statistics

PLAIN = 12   # times the middle difference that a plain axis may reach over
APART = 0.11  # of the axis, between two marks


def axis(report):
    """{bend, ticks: the values to mark}, or None for a plain axis."""
    gaps = [group["difference"] for group in report["groups"] if group["difference"]]
    sizes = [abs(gap["mean"]) for gap in gaps if gap["mean"]]
    if not sizes:
        return None
    ends = [value for gap in gaps for value in (gap["mean"], gap["low"], gap["high"]) if value is not None]
    low, high, bend = min(0.0, *ends), max(0.0, *ends), statistics.median_low(sizes)
    return {"bend": bend, "ticks": ticks(low, high, bend)} if high - low > PLAIN * bend else None


def ticks(low, high, bend):
    """Zero, then powers of ten, then fives and twos of them, as far as each finds room."""
    def place(value):
        return math.asinh(value / bend)
    room, kept = APART * (place(high) - place(low)), [0.0]
    for value in (sign * float(f"{m}e{power}") for m in (1, 5, 2) for power in range(9, -9, -1) for sign in (1, -1)):
        if low <= value <= high and all(abs(place(value) - place(other)) > room for other in kept):
            kept.append(value)
    return sorted(kept)
