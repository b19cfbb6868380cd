"""Where the numbers of a scatter go, so that they do not lie on points or on each other."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# Nominal size of the plot and distance of a number from its point, in pixels; whiskers leave no room above and below.
SIZE = (640.0, 340.0)
SIDES = {
    "middle right": (14.0, 0.0), "middle left": (-14.0, 0.0), "top right": (11.0, 11.0), "bottom right": (11.0, -11.0),
    "top left": (-11.0, 11.0), "bottom left": (-11.0, -11.0),
}  # fmt: skip


def sides(x: Array, y: Array, wide: float, high: float) -> list[str]:
    """For each point the side on which its number is farthest from points and from numbers already placed.

    Args:
        x: places, (n,).
        y: values, (n,).
        wide: length of the horizontal axis.
        high: length of the vertical axis.
    """
    points = np.stack([x / max(wide, 1e-9) * SIZE[0], y / max(high, 1e-9) * SIZE[1]], axis=1)
    taken, chosen = points, []
    for at, point in enumerate(points):
        # The point itself is equally far from each side.
        others = np.delete(taken, at, axis=0)
        room = {s: _room(point + np.asarray(offset), others) for s, offset in SIDES.items()}
        best = max(room, key=lambda side: room[side])
        chosen.append(best)
        taken = np.concatenate([taken, [point + np.asarray(SIDES[best])]])
    return chosen


def _room(place: Array, others: Array) -> float:
    """Distance to the nearest of the others; beyond 30 pixels it makes no difference."""
    return min(30.0, float(np.linalg.norm(others - place, axis=1).min())) if len(others) else 30.0
