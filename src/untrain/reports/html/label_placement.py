"""Placement of the names or numbers of a scatter, so that they lie neither on points nor on each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from untrain.reports.html.chart_spec import Axis, Label

Array = np.ndarray[Any, Any]

LETTER, LINE = 8.0, 17.0  # pixels of a letter and of a line of text
ROW, LENGTH = 6, 24  # names in a line of a label, and its characters where there are several
MARKER = 5.0  # half the side of what a point covers, in pixels
NEAR = 8.0  # pixels between points that look like one
GAP = 11.0  # pixels between the middle of a point and a label beside it
NEARER = 3.0  # pixels by which a label beside its point is farther from all others, so that it is read as that point's
# Whiskers leave no room above and below.
DIRECTIONS = ((1.0, 0.0), (-1.0, 0.0), (0.7, 0.7), (0.7, -0.7), (-0.7, 0.7), (-0.7, -0.7))
THICK = 5.0  # half the width of an upright line in pixels
ALONG = np.linspace(0.1, 0.9, 9)[:, None]  # places on a line that are on no other label or point
LINES = (14.0, 240.0)  # least and greatest length of a line to a label, in pixels
FEW = 16  # one view of so many is looked at first
STEP, TRIES = 10.0, 50  # pixels between places for such a label, and how many are tried for a line that crosses nothing
# Width of a plot, and the pixels of a chart's height that its legend and the axis below take: from a window of a tablet to a large
# screen, and on a telephone, where the legend takes more lines or fewer.
WIDE = tuple((width, 90) for width in range(570, 1260, 30))
NARROW = tuple((width, frame) for width in range(190, 620, 15) for frame in (85, 110, 140, 170))


@dataclass(frozen=True)
class Placed:
    """A text, the point that it stands by, its middle in pixels to the right of and above it, and whether a line leads there."""

    text: str
    point: int
    right: float
    up: float
    line: bool


def labels(
    views: Array, texts: Sequence[str], rooms: Array, clear: Array | None = None, halves: Array | None = None
) -> list[Placed]:
    """Labels of all points, none on another or on a point, in any view; points that lie on each other share one, '3, 7, 12'.

    A label that finds no room near its point stands farther off, with a line; where there is none there either, its point shares
    the label of the nearest.

    >>> labels(np.array([[[50.0, 50.0], [90.0, 50.0], [50.0, 51.0]]]), ["1", "2", "3"], np.array([[200.0, 100.0]]))
    [Placed(text='1, 3', point=0, right=-27.0, up=0.0, line=False), Placed(text='2', point=1, right=15.0, up=0.0, line=False)]

    Args:
        views: places of the points in pixels to the right and upwards, (v, n, 2), in each of the plot's sizes.
        texts: of the points, (n,), in the order in which a shared label lists them.
        rooms: width and height of the plot in each view, (v, 2).
        clear: middles of boxes that no label covers, (v, o, 2); None for none.
        halves: of their sizes, (v, o, 2).
    """
    groups: list[list[int]] = []
    for at in range(len(texts)):
        same = (g for g in groups if np.linalg.norm(views[:, at] - views[:, g[0]], axis=1).max() < NEAR)
        group = next(same, None)
        groups.append([at]) if group is None else group.append(at)
    while True:
        groups.sort(key=len, reverse=True)  # the largest labels choose first
        placed = _place(groups, views, texts, rooms, clear, halves)
        if len(placed) == len(groups):
            return sorted(placed, key=lambda p: p.point)
        stuck = groups.pop(len(placed))
        away = [float(np.linalg.norm(views[:, stuck[0]] - views[:, g[0]], axis=1).sum()) for g in groups]
        joined = int(np.argmin(away))
        groups[joined] = sorted(groups[joined] + stuck)


def text_size(text: str) -> tuple[float, float]:
    """Width and height of a label in pixels."""
    lines = text.split("\n")
    return LETTER * max(map(len, lines)), LINE * len(lines)


def beside(
    x: Sequence[float], y: Sequence[float], texts: Sequence[str], across: Axis, up: Axis, height: int,
    sizes: Sequence[tuple[int, int]] = WIDE, upright: Sequence[tuple[float, float, float]] = (),
) -> tuple[Label, ...]:  # fmt: skip
    """Labels of the points of a chart; they lie on no upright line unless that would cost a point its own.

    Args:
        x: places along the horizontal axis, (n,).
        y: values, (n,).
        texts: what each point is called.
        across: the horizontal axis, with its ends.
        up: the vertical axis, with its ends.
        height: of the chart, in pixels.
        sizes: widths of the plot in which labels must fit, each with what legend and axis take of the height.
        upright: lines to keep clear of, such as whiskers: place along the horizontal axis, lower end, upper end.
    """
    rooms = np.array([(width, height - frame) for width, frame in sizes], dtype=float)
    shares = np.stack([_shares(x, across), _shares(y, up)], axis=1)
    views = rooms[:, None] * shares
    placed = labels(views, texts, rooms, *_boxes(upright, across, up, rooms))
    bare = labels(views, texts, rooms) if upright else placed
    placed = bare if len(bare) > len(placed) else placed
    return tuple(Label(p.text, x[p.point], y[p.point], p.right, p.up, p.line) for p in placed)


def _boxes(upright: Sequence[tuple[float, float, float]], across: Axis, up: Axis, rooms: Array) -> tuple[Array, Array]:
    """Middles and halves of boxes around upright lines in each view, (v, o, 2)."""
    x = _shares([at for at, _, _ in upright], across)
    low, high = (_shares([line[end] for line in upright], up) for end in (1, 2))
    middles = rooms[:, None] * np.stack([x, (low + high) / 2], axis=1)
    return middles, np.maximum(rooms[:, None] * np.stack([np.zeros_like(x), (high - low) / 2], axis=1), THICK)


def _shares(values: Sequence[float], axis: Axis) -> Array:
    """Places along an axis, 0 at its least value and 1 at its greatest."""
    ends, places = np.array([axis.least, axis.most], dtype=float), np.asarray(values, dtype=float)
    if axis.log:
        ends, places = np.log(ends), np.log(places)
    return np.asarray((places - ends[0]) / max(ends[1] - ends[0], 1e-9))


def _place(
    groups: Sequence[Sequence[int]], views: Array, texts: Sequence[str], rooms: Array, clear: Array | None, sizes: Array | None
) -> list[Placed]:
    """Labels of the groups in order, up to the first that finds no room; a single one stands beside its point all the same."""
    n = len(texts)
    centres, halves = views, np.full((len(views), n, 2), MARKER)
    if clear is not None and sizes is not None:
        centres, halves = np.concatenate([centres, clear], axis=1), np.concatenate([halves, sizes], axis=1)
        n += clear.shape[1]  # a line to a label may begin among these
    placed: list[Placed] = []
    for group in groups:
        point, names = views[:, group[0], None], [texts[at] for at in group]
        text = ",\n".join(map(", ".join, lines_of(names)))
        half = np.asarray(text_size(text)) / 2
        others = np.setdiff1d(np.arange(len(texts)), group)  # of the points
        ways = _ways(half, point, centres, halves, rooms, others, n, len(groups) > 1)
        chosen = next(((some[0], far) for some, far in ways if len(some)), None)
        if chosen is None:
            break
        offset, far = chosen
        placed.append(Placed(text, group[0], float(offset[0]), float(offset[1]), far))
        drawn = point + ALONG * offset if far else point[:, :0]  # no later label lies on this line
        centres = np.concatenate([centres, point + offset, drawn], axis=1)
        sizes_of = np.concatenate([half[None], np.zeros((drawn.shape[1], 2))])
        halves = np.concatenate([halves, np.broadcast_to(sizes_of, (len(views), *sizes_of.shape))], axis=1)
    return placed


def _ways(
    half: Array, point: Array, centres: Array, halves: Array, rooms: Array, others: Array, n: int, shared: bool
) -> Iterator[tuple[Array, bool]]:
    """Offsets of a label from its point, (k, 2), the best first, and whether a line leads there.

    A line should cross nothing. Where it must, a point close by shares its label; else the line may cross neighbours.

    Args:
        half: half of the label's size.
        point: in each view, (v, 1, 2).
        centres: of the boxes that are taken: points, what is to be clear, labels and lines.
        halves: of their sizes.
        rooms: width and height of the plot in each view.
        others: numbers of the points that have another label.
        n: number of the boxes among which a line may begin.
        shared: whether there is a point that could share the label.
    """
    near, wide = _beside(half), np.array(halves)
    wide[:, others] = GAP + NEARER
    yield _free(near, point, half, centres, wide, rooms), False
    afar = near[:0]
    if shared:
        afar, apart = _free(_afar(half), point, half, centres, halves, rooms), np.linalg.norm(centres - point, axis=2)
        away = apart.min(0) > 2 * NEAR
        away[n:] = True
        beyond = away | np.isin(np.arange(len(away)), others)
        yield _uncrossed(afar, point, centres[:, beyond], halves[:, beyond]), True
        if (apart[:, others].max(0) < 2 * NEAR).any():
            return
        yield _uncrossed(afar, point, centres[:, away], halves[:, away]), True
    yield _free(near, point, half, centres, halves, rooms), False
    yield (afar, True) if shared else (near, False)


def _uncrossed(offsets: Array, point: Array, centres: Array, halves: Array) -> Array:
    """The first of a few offsets whose line crosses no box, (1, 2), or none, (0, 2)."""
    lines = (o for o in offsets[:TRIES] if not _covered(point + ALONG * o, 0.0, centres, halves).any())
    return np.array(list(islice(lines, 1))).reshape(-1, 2)


def lines_of(names: Sequence[str]) -> list[list[str]]:
    """Names as lines of a label.

    >>> lines_of(["1", "2", "3", "4", "5", "6", "7"]), lines_of(["Finetune", "NegGrad (a)", "NegGrad (b)"])
    ([['1', '2', '3', '4', '5', '6'], ['7']], [['Finetune', 'NegGrad (a)'], ['NegGrad (b)']])
    """
    lines: list[list[str]] = [[]]
    for name in names:
        if lines[-1] and (len(lines[-1]) == ROW or len(", ".join([*lines[-1], name])) > LENGTH):
            lines.append([])
        lines[-1].append(name)
    return lines


def _free(offsets: Array, point: Array, half: Array, centres: Array, halves: Array, rooms: Array) -> Array:
    """Those of (k, 2) offsets of a label from its point, (v, 1, 2), where it is within the plot and covers nothing, in any view."""
    here = point + offsets  # (v, k, 2)
    left = np.flatnonzero(((here >= half) & (here <= rooms[:, None] - half)).all((0, 2)))
    for some in (slice(None, None, FEW), slice(None)):  # few views rule out most
        left = left[~_covered(here[some, left], half, centres[some], halves[some])]
    return np.asarray(offsets[left])


def _covered(places: Array, half: Array | float, centres: Array, halves: Array) -> Array:
    """Mark the boxes of half a size around (v, k, 2) places that lie on any of the boxes around (v, m, 2) in any view, (k,)."""
    reach = half + halves
    over = (np.abs(places[:, :, None, axis] - centres[:, None, :, axis]) < reach[:, None, :, axis] for axis in (0, 1))
    return np.asarray(np.logical_and(*over).any((0, 2)))


def _beside(half: Array) -> Array:
    """Middles of a label beside its point, in pixels from there, (6, 2)."""
    return np.array([(across * GAP + np.sign(across) * half[0], up * GAP + np.sign(up) * half[1]) for across, up in DIRECTIONS])


def _afar(half: Array) -> Array:
    """Middles of a label that a line leads to, in pixels from its point, the nearest first, (k, 2)."""
    reach = LINES[1] + half
    across, up = (np.arange(-end, end, STEP) for end in reach)
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    line = np.linalg.norm(np.maximum(np.abs(grid) - half, 0), axis=1)
    order = np.argsort(line, kind="stable")
    return np.asarray(grid[order[(line[order] >= LINES[0]) & (line[order] <= LINES[1])]])
