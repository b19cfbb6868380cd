"""Words that two short texts have in common."""

from __future__ import annotations

import re
from collections import Counter

ARTICLES = frozenset({"a", "an", "the"})


def word_f1(said: str, wanted: str) -> float:
    """Harmonic mean of the shares of either text's words that the other has too; in lower case, without marks and articles.

    >>> round(word_f1("in the town of Lima", "Lima, Peru"), 3)
    0.333
    >>> word_f1("The Lima!", "lima"), word_f1("", "lima")
    (1.0, 0.0)

    Source: Rajpurkar et al. 2016, arXiv 1606.05250 (F1 of answers).
    """
    one, other = _words(said), _words(wanted)
    shared = sum((one & other).values())
    return 2 * shared / (one.total() + other.total()) if shared else 0.0


def _words(text: str) -> Counter[str]:
    return Counter(word for word in re.findall(r"\w+", text.casefold()) if word not in ARTICLES)
