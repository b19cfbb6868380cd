"""A text as windows of characters, each with the character that follows it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from untrain.core.errors import DataError
from untrain.data.examples import Examples


def text_windows(text: str, width: int, alphabet: Sequence[str] | None = None) -> Examples:
    """Every window of a text, one a character further each: numbers of characters (n, width), and that of the next one.

    >>> some = text_windows("abba", width=2)
    >>> some.x.tolist(), some.y.tolist(), some.categories
    ([[0, 1], [1, 1]], [1, 0], ('a', 'b'))

    Args:
        text: longer than a window.
        width: characters of a window.
        alphabet: characters in the order of their numbers, such as those of several texts; None for those of the text, sorted.

    Raises:
        DataError: the text has no window and next character, or a character that is not in the alphabet.
    """
    letters = sorted(set(text)) if alphabet is None else list(alphabet)
    if not 0 < width < len(text):
        raise DataError(f"a text of {len(text)} characters has no window of {width} with a next one: take 1 to {len(text) - 1}")
    place = {letter: at for at, letter in enumerate(letters)}
    unknown = sorted(set(text) - place.keys())
    if unknown:
        raise DataError(f"the text has the character {unknown[0]!r}, which is not in the alphabet: give one of all characters")
    numbers = torch.tensor([place[letter] for letter in text])
    windows = numbers.unfold(0, width + 1, 1)
    fields = {"x": windows[:, :-1].clone(), "y": windows[:, -1].clone()}
    return Examples(fields, np.arange(len(windows)), tuple(letters))
