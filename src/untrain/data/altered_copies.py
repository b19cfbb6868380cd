"""Copies of images that were shifted, mirrored, cropped or enlarged, and of texts that were typed otherwise."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from untrain.core.metering import add_note
from untrain.data.examples import unit_scaled
from untrain.data.on_disk import OnDisk

Array = np.ndarray[Any, Any]
SMALLEST, SIDE, COARSE = 16, 32, 8  # pixels on a side: of images that are compared at all, for the fine search, for the coarse one
# Shifts by scale of the coarse search, where an image reaches from -1 to 1.
SHIFTS = {0.75: (-0.25, -0.08, 0.08, 0.25), 0.87: (-0.13, 0.0, 0.13), 1.0: (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3),
          1.15: (-0.15, 0.0, 0.15), 1.33: (-0.33, -0.11, 0.11, 0.33)}  # fmt: skip
CANDIDATES, KEPT = 12, 6  # retained images per forgotten one that the fine search looks at, at first and after a round
FINE = (
    (16, 0.06, 0.05),
    (SIDE, 0.03, 0.025),
    (SIDE, 0.015, 0.012),
    (SIDE, 0.008, 0.006),
)  # rounds: pixels, steps of shift and scale
ALIKE = 0.98  # correlation of two images where they overlap, from which on one is a copy of the other
OVERLAP = 0.5  # share of an image that must lie over the other
FORGOTTEN, PAIRS = 200, 20_000_000  # forgotten images, and pairs with retained ones, up to which they are looked for
BLOCK = 4096
POINTS, ATTACHED = range(10, 37), 200  # combining classes of Unicode: points of Hebrew and Arabic; accents, from this one on


def altered_copies(forget: Tensor | OnDisk, retain: Tensor | OnDisk, alike: float = ALIKE) -> Array:
    """Rows of ``retain`` that are a forgotten image after a shift, a mirroring, a crop or an enlargement, ascending.

    Pixels are compared where both images have some, by their correlation, so that brightness and contrast play no part. Copies
    shifted by up to an eighth of a side, and crops of four fifths of a side or more, are within the search. It is a search on
    a grid followed by a finer one, not a proof that there are no others.

    Args:
        forget: forgotten images, (k, c, h, w); of others, and of images with less than 16 pixels on a side, no row is found.
        retain: images that stay.
        alike: smallest correlation of a copy.
    """
    none = np.arange(0)
    if forget.ndim != 4 or len(forget) == 0 or len(retain) == 0 or min(forget.shape[2:]) < SMALLEST:
        return none
    if len(forget) > FORGOTTEN or len(forget) * len(retain) > PAIRS:
        add_note(
            f"shifted, mirrored and cropped copies are not looked for, as there are more than {FORGOTTEN} forgotten images or "
            f"{PAIRS:,} pairs"
        )
        return none
    ours = _small(forget[:], SIDE)
    rows, views = _candidates(ours, retain)
    found = [
        row[_refined(image, _small(retain[row], SIDE), VIEWS[view]) >= alike]
        for image, row, view in zip(ours, rows.numpy(), views, strict=True)
    ]
    return np.unique(np.concatenate([none, *found]))


def normal_text(text: str) -> str:
    """A text as its readers hear it: without capitals, accents, punctuation and repeated spaces.

    Marks without which a word is another one, such as the vowels of Hindi and Thai and the voicing of Japanese, stay.

    >>> normal_text("Good  film!"), normal_text("Zoë\\nsings.") == normal_text("ZOE sings"), normal_text("か") == normal_text("が")
    ('good film', True, False)
    """
    letters = unicodedata.normalize("NFKD", text).casefold()
    return " ".join("".join(each if _is_heard(each) else "" if unicodedata.combining(each) else " " for each in letters).split())


def _is_heard(letter: str) -> bool:
    """Return whether a letter, digit or mark counts: of marks all but accents and the points of Hebrew and Arabic."""
    accent = unicodedata.combining(letter)
    return letter.isalnum() or (unicodedata.category(letter).startswith("M") and not (accent in POINTS or accent >= ATTACHED))


def alike_texts(forget: Sequence[str], retain: Sequence[str]) -> Array:
    """Rows of ``retain`` whose text is a forgotten one but for how it is typed, ascending; empty texts are like no other.

    >>> alike_texts(["A good film."], ["a bad film", "a good  film"]).tolist()
    [1]
    """
    wanted = {normal_text(each) for each in forget} - {""}
    return np.array([row for row, text in enumerate(retain) if normal_text(text) in wanted], dtype=np.int64)


# Mirrored or not, scale and shift of the part of one image that the other shows.
VIEWS = torch.tensor([(m, s, x, y) for m in (1.0, -1.0) for s, shifts in SHIFTS.items() for x, y in product(shifts, shifts)])


def _small(x: Tensor, side: int) -> Tensor:
    """Images in float32, of at most so many pixels on a side."""
    values = unit_scaled(x).float().cpu()
    height, width = min(side, values.shape[2]), min(side, values.shape[3])
    return F.adaptive_avg_pool2d(values, (height, width))


def _seen(images: Tensor, views: Tensor) -> tuple[Tensor, Tensor]:
    """Images (n, c, h, w) as views (n, 4) show them, and where there are pixels, (n, 1, h, w)."""
    mirror, scale, x, y = views.T
    zero = torch.zeros_like(scale)
    change = torch.stack([torch.stack([scale * mirror, zero, x], 1), torch.stack([zero, scale, y], 1)], 1)
    grid = F.affine_grid(change, [len(images), 1, *images.shape[2:]], align_corners=False)
    inside = (grid.abs() <= 1).all(3)[:, None].float()
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False), inside


def _candidates(forget: Tensor, retain: Tensor | OnDisk) -> tuple[Tensor, Tensor]:
    """Retained rows most like each forgotten image in some view, and the number of that view, (k, up to 12) each."""
    count = len(VIEWS)
    grey = forget.mean(1, keepdim=True)
    shown = []
    for view in VIEWS:
        seen, inside = _seen(grey, view.expand(len(grey), 4))
        mask = (F.adaptive_avg_pool2d(inside[:1], COARSE) > 0.99).float().flatten()
        values = F.adaptive_avg_pool2d(seen, COARSE).flatten(1)
        values = mask * (values - (values * mask).sum(1, keepdim=True) / mask.sum())
        shown.append((values / values.norm(dim=1, keepdim=True).clamp(min=1e-6), mask))
    best, at, view_of = torch.zeros(len(forget), 0), *(torch.zeros(len(forget), 0, dtype=torch.long) for _ in range(2))
    for start, block in _blocks(retain):
        value = torch.full((len(forget), len(block)), -1.0)
        which = torch.zeros_like(value, dtype=torch.long)
        for view in range(count):
            values, mask = shown[view]
            spread = ((block**2) @ mask - (block @ mask) ** 2 / mask.sum()).clamp(min=1e-6).sqrt()
            alike = (values @ block.T) / spread
            which = torch.where(alike > value, view, which)
            value = torch.maximum(value, alike)
        rows = torch.arange(start, start + len(block)).expand_as(value)
        value, rows, which = torch.cat([best, value], 1), torch.cat([at, rows], 1), torch.cat([view_of, which], 1)
        best, chosen = value.topk(min(CANDIDATES, value.shape[1]), dim=1)
        at, view_of = rows.gather(1, chosen), which.gather(1, chosen)
    return at, view_of


def _blocks(retain: Tensor | OnDisk) -> Iterator[tuple[int, Tensor]]:
    """Grey images as vectors of the coarse search, block by block, with the row that each block begins at."""
    for start in range(0, len(retain), BLOCK):
        small = _small(retain[start : start + BLOCK], SIDE).mean(1, keepdim=True)
        yield start, F.adaptive_avg_pool2d(small, COARSE).flatten(1)


def _refined(image: Tensor, others: Tensor, views: Tensor) -> Array:
    """The largest correlation of an image with each of some others, over views near those that each of them begins at, (n,).

    Others that are far from the best ones drop out after the first round, and keep a correlation of -1.
    """
    best, left = torch.full((len(others),), -1.0), torch.arange(len(others))
    for at, (side, shift, zoom) in enumerate(FINE):
        wide = (-2.0, -1.0, 0.0, 1.0, 2.0) if at == 0 else (-1.0, 0.0, 1.0)
        steps = torch.tensor([(0.0, z * zoom, x * shift, y * shift) for z, x, y in product((-1.0, 0.0, 1.0), wide, wide)])
        tried = (views[left][:, None] + steps).flatten(0, 1)
        ours, theirs = (_small(each, side) for each in (image[None], others[left]))
        seen, inside = _seen(ours.expand(len(tried), *ours.shape[1:]), tried)
        alike, which = _correlation(seen, theirs.repeat_interleave(len(steps), 0), inside).view(len(left), -1).max(1)
        views[left] = tried.view(len(left), -1, 4)[torch.arange(len(left)), which]
        best[:] = -1.0
        best[left] = alike
        left = left[alike.topk(min(KEPT, len(left))).indices]
    return best.numpy()


def _correlation(a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
    """Correlation of images where a mask is 1, (n,); -1 where it leaves too little of them, or one is of one colour there."""
    mask = mask.expand_as(a)
    size = mask.sum((1, 2, 3))
    a, b = (mask * (each - ((each * mask).sum((1, 2, 3)) / size.clamp(min=1))[:, None, None, None]) for each in (a, b))
    lengths = a.square().sum((1, 2, 3)), b.square().sum((1, 2, 3))
    enough = (size >= OVERLAP * mask[0].numel()) & (torch.minimum(*lengths) > 1e-4 * size)
    return torch.where(enough, (a * b).sum((1, 2, 3)) / (lengths[0] * lengths[1]).sqrt().clamp(min=1e-9), -1.0)
