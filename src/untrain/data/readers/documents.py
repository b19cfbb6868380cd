"""Documents as rows of tokens that are all scored, cut to pieces where they are long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.data.ragged import Ragged

Array = np.ndarray[Any, Any]


def pieces(texts: Sequence[str], names: Sequence[object], tokenizer: Any, end: str, length: int) -> tuple[Ragged, Array]:
    """Tokens of documents and of an end behind each, in pieces of nearly one length, and of which document each piece is.

    Args:
        texts: of the documents.
        names: of the documents, for messages.
        tokenizer: of the tokenizers library.
        end: token behind a document.
        length: most tokens of a piece, 3 or more.

    Raises:
        DataError: a document has no token, or the tokenizer has no such end.
    """
    last = tokenizer.token_to_id(end)
    if last is None:
        raise DataError(f"the tokenizer has no token {end!r} to end a document with: name one that it has, such as end='</s>'")
    rows, of = list[list[int]](), list[int]()
    for at, (text, name) in enumerate(zip(texts, names, strict=True)):
        tokens = tokenizer.encode(text, add_special_tokens=False).ids
        if not text.strip() or not tokens:
            raise DataError(f"the document {name!r} is empty: leave it out")
        whole = np.array([*tokens, last])
        # Of nearly one length, so that no piece is a single token, of which none would be scored.
        parts = np.array_split(whole, -(-len(whole) // length))
        rows += [part.tolist() for part in parts]
        of += [at] * len(parts)
    return Ragged.of(rows), np.array(of)
