"""Documents as rows of tokens that are all scored, cut to pieces where they are long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.data.ragged import PAD, Ragged

Array = np.ndarray[Any, Any]


Spans = Sequence[tuple[int, int]]


def pieces(
    texts: Sequence[str],
    names: Sequence[object],
    tokenizer: Any,
    end: str,
    length: int,
    spans: Sequence[Spans | None] | None = None,
) -> tuple[Ragged, Ragged, Array]:
    """Tokens of documents and of an end behind each, in pieces of nearly one length; their labels; whose document each piece is.

    Where a document has spans, tokens that have a character in one of them are scored, and no others; pieces of which none is are
    left out.

    Args:
        texts: of the documents.
        names: of the documents, for messages.
        tokenizer: of the tokenizers library.
        end: token behind a document.
        length: most tokens of a piece, 3 or more.
        spans: of each document, (first character, last + 1) of what is scored; None scores all of it.

    Raises:
        DataError: a document has no token, none that is scored, or the tokenizer has no such end.
    """
    last = tokenizer.token_to_id(end)
    if last is None:
        raise DataError(f"the tokenizer has no token {end!r} to end a document with: name one that it has, such as end='</s>'")
    rows, labels, of = list[list[int]](), list[list[int]](), list[int]()
    for at, (text, name) in enumerate(zip(texts, names, strict=True)):
        encoded = tokenizer.encode(text, add_special_tokens=False)
        if not text.strip() or not encoded.ids:
            raise DataError(f"the document {name!r} is empty: leave it out")
        scored = _within(encoded.offsets, spans[at] if spans is not None else None)
        whole = np.array([*encoded.ids, last])
        wanted = np.where(scored, whole, PAD)
        # Of nearly one length, so that no piece is a single token, of which none would be scored.
        count, before = -(-len(whole) // length), len(rows)
        for part, label in zip(np.array_split(whole, count), np.array_split(wanted, count), strict=True):
            if (label[1:] != PAD).any():
                rows.append(part.tolist())
                labels.append(label.tolist())
                of.append(at)
        if len(rows) == before:
            raise DataError(f"no token of the document {name!r} is scored: its spans hold none, or the first of a piece alone")
    return Ragged.of(rows), Ragged.of(labels), np.array(of)


def _within(offsets: Sequence[tuple[int, int]], spans: Spans | None) -> Array:
    """Mark the scored tokens, and the end behind them: without spans all, else those with a character in one, bool (t + 1,)."""
    if spans is None:
        return np.ones(len(offsets) + 1, dtype=bool)
    inside = [any(start < stop_ and stop > start_ for start_, stop_ in spans) for start, stop in offsets]
    return np.array([*inside, False])
