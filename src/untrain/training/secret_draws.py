"""Draws that hide something: of a secret seed as a whole, and of all that decides where they go."""

from __future__ import annotations

import hashlib
import secrets

import numpy as np

from untrain.core.seeds import Unsaid
from untrain.training.process_group import process_group


def generator(seed: int, *decides: str) -> np.random.Generator:
    """A generator for noise, of a seed and of words for all that decides a result.

    Two results with the same draws have a weighted difference without noise, so whatever else they differ in has to be among the
    words. A seed that nobody gave everybody knows, and the operating system gives another. Torch has 32 bits of a seed, which can
    all be tried, and numpy has all of them.

    >>> one, other = (generator(2**60, words).integers(2**60) for words in ("a", "b"))
    >>> bool(one == other), bool(one == generator(2**60, "a").integers(2**60))
    (False, True)
    """
    whole: tuple[int, ...] = (seed,)
    if isinstance(seed, Unsaid):
        # As `most` over the processes, all draw the same, and of four numbers of 48 bits no more than a few bits are lost.
        whole = tuple(int(word) for word in process_group().most(*(secrets.randbits(48) for _ in range(4))))
    words = hashlib.sha256(repr(decides).encode()).hexdigest()
    return np.random.default_rng((*whole, int(words, 16)))
