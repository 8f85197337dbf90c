"""Places labels so that they overlap neither each other nor the points of other labels.

Greedy, the most important label first: it tries places around its point at increasing distance and takes the first that
is free. A line connects it with its point if it is not next to it. Labels for which no place is free are omitted.
"""

import math

GAP = 2  # pixels between a label and anything else
RINGS = 14
ANGLES = 16


class Box:
    def __init__(self, left, bottom, width, height):
        self.left, self.bottom, self.right, self.top = left, bottom, left + width, bottom + height

    def overlaps(self, other):
        return (self.left < other.right + GAP and other.left < self.right + GAP and
                self.bottom < other.top + GAP and other.bottom < self.top + GAP)

    def within(self, other):
        return (self.left >= other.left and self.right <= other.right and
                self.bottom >= other.bottom and self.top <= other.top)


def candidates(x, y, width, height):
    """Boxes around (x, y) with their ring, the nearest first: to the right of the point (ring 0), then in rings around it."""
    yield Box(x + 5, y - height / 2, width, height), 0
    for ring in range(1, RINGS):
        for step in range(ANGLES):
            angle = 2 * math.pi * step / ANGLES
            reach_x, reach_y = width / 2 + 4 + 7 * ring, height / 2 + 2 + 7 * ring
            centre_x, centre_y = x + reach_x * math.cos(angle), y + reach_y * math.sin(angle)
            yield Box(centre_x - width / 2, centre_y - height / 2, width, height), ring


def place(figure, axes, points, fontsize=7.5):
    """Labels points, [(x, y, text)] in data coordinates, the most important first; returns the number of labels placed."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    area = axes.get_window_extent(renderer)
    area = Box(area.x0, area.y0, area.width, area.height)
    to_pixels, to_data = axes.transData.transform, axes.transData.inverted().transform
    dots = [Box(px - 3, py - 3, 6, 6) for px, py in (to_pixels((x, y)) for x, y, _ in points)]
    taken = []
    for number, (x, y, text) in enumerate(points):
        label = axes.text(x, y, text, fontsize=fontsize, va="bottom", ha="left")
        extent = label.get_window_extent(renderer)
        px, py = to_pixels((x, y))
        free = next(((box, ring) for box, ring in candidates(px, py, extent.width, extent.height)
                     if box.within(area) and not any(box.overlaps(other) for other in taken)
                     and not any(box.overlaps(dot) for i, dot in enumerate(dots) if i != number)), None)
        if free is None:
            label.remove()
            continue
        box, ring = free
        label.set_position(to_data((box.left, box.bottom)))
        taken.append(box)
        if ring > 1:
            end = (min(max(px, box.left), box.right), min(max(py, box.bottom), box.top))
            (end_x, end_y) = to_data(end)
            axes.plot([x, end_x], [y, end_y], color="#999999", linewidth=0.5, zorder=1)
    return len(taken)
