"""ROUGE: the share of a text that stands in another, in its order."""

from __future__ import annotations

from collections.abc import Sequence


def rouge_recall(said: Sequence[int], true: Sequence[int]) -> float:
    """Length of the longest common subsequence over the length of the true text (ROUGE-L recall).

    >>> rouge_recall([5, 1, 7, 3], [1, 2, 3, 4])
    0.5

    Args:
        said: tokens.
        true: tokens, one at least.

    Source: Lin 2004, ROUGE, section 3.1.
    """
    best = [0] * (len(said) + 1)
    for token in true:
        before = 0
        for at, other in enumerate(said, 1):
            before, best[at] = best[at], before + 1 if other == token else max(best[at], best[at - 1])
    return best[-1] / len(true)
