"""The power of so many models: the smallest p of their test, and the difference that it finds."""

from __future__ import annotations

import math

import numpy as np

from untrain.maths.distributions import noncentral_t_tail, t_quantile

LEVEL = 0.05
SPLITS = 200
_POWER = 0.8


def smallest_p(ours: int, theirs: int, splits: int = SPLITS) -> float:
    """The least p that so many unlearned and retrained models can have.

    The models are split in every way, and the real split counts among those that differ as much as it. Groups of one size are split
    alike with their names exchanged, which differs as much: where all splits are gone through these are two.

    >>> smallest_p(3, 3), round(smallest_p(3, 6), 4)  # 2 of 20, and 1 of 84
    (0.1, 0.0119)
    """
    count = math.comb(ours + theirs, ours)
    return 1 / splits if count > splits else (2 if ours == theirs else 1) / count


def can_decide(ours: int, theirs: int, level: float, splits: int = SPLITS) -> bool:
    """Return whether so many models have splits enough for anything to be called distinguishable.

    >>> can_decide(3, 3, 0.05), can_decide(3, 6, 0.05), can_decide(1, 18, 0.05), can_decide(1, 19, 0.05)
    (False, True, False, True)
    """
    return smallest_p(ours, theirs, splits) <= level * (1 + 1e-9)


def detectable(ours: int, theirs: int, level: float = LEVEL) -> float:
    """The shift of all unlearned models that a test of one score finds 4 times in 5, in standard deviations between models.

    >>> round(detectable(3, 6), 1), round(detectable(10, 10), 1)
    (2.3, 1.3)

    Source: the power of Student's test, which that of a permutation test does not exceed.
    """
    freedom, scale = ours + theirs - 2, np.sqrt(1 / ours + 1 / theirs)
    cut = t_quantile(1 - level / 2, freedom)
    low, high = 0.0, 1000.0
    while high - low > 1e-4:
        shift = (low + high) / 2
        found = noncentral_t_tail(cut, freedom, shift / scale)
        low, high = (shift, high) if found < _POWER else (low, shift)
    return high


def models_in_words(ours: int, theirs: int) -> str:
    """So many unlearned and retrained models.

    >>> models_in_words(1, 19)
    '1 unlearned model and 19 retrained ones'
    """
    return f"{ours} unlearned and {theirs} retrained models" if ours > 1 else f"1 unlearned model and {theirs} retrained ones"


def design(ours: int, theirs: int, level: float = LEVEL, spread: bool = True) -> str:
    """Say what a comparison of so many models can and cannot find, in a sentence or two; empty where there is no test.

    ``spread`` says whether retrained models differ from seed to seed.

    >>> design(3, 3)
    'design: 3 unlearned and 3 retrained models cannot be shown to differ at 5 %: the smallest p is 0.1; 4 retrained ones would do.'
    """
    if min(ours, theirs) < 1 or ours + theirs < 3:
        return ""
    models = models_in_words(ours, theirs)
    least, at = smallest_p(ours, theirs), f"{100 * level:.2g} %"
    if not can_decide(ours, theirs, level):
        enough = next(k for k in range(theirs + 1, theirs + 2 + math.ceil(1 / level)) if can_decide(ours, k, level))
        return (
            f"design: {models} cannot be shown to differ at {at}: the smallest p is {least:.2g}; {enough} retrained ones would do."
        )
    if not spread:
        return (
            f"design: {models}, smallest p {least:.2g}: retrained models do not spread, so a single score finds any shift of all."
        )
    shift = f"a shift of about {detectable(ours, theirs, level):.1f} standard deviations between models, 4 times in 5"
    head = f"design: {models}, smallest p {least:.2g}: a single score finds {shift}, and of many scores tested together less"
    if ours == 1:
        return f"{head}; what it finds is of this one model, not of the method that made it."
    return f"{head}; it finds what the unlearned models share, seldom what one of them shows alone."
