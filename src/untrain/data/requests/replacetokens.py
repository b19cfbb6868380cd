"""Request to replace tokens in rows of tokens."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from pydantic import AfterValidator, Field

from untrain.core.errors import RequestError
from untrain.data.examples import Column, Examples, take
from untrain.data.ragged import Ragged
from untrain.data.requests.base import Request, chooses

Token = Annotated[int, Field(ge=0)]


def _lists(tokens: tuple[int, ...]) -> tuple[int, ...]:
    """Tokens, of which there is one at least, each once."""
    if not tokens or len(set(tokens)) < len(tokens):
        raise ValueError("lists no token or one twice: list each token once, by its number")
    return tokens


class ReplaceTokens(Request):
    """Replace tokens wherever they occur: the model is to forget what they said.

    Inputs change, and where targets are rows of tokens, as those of a language model, so do they. Without ``rows`` the tokens go
    from all training rows, and alike from validation and test data. Forget set are the training rows in which a token changes.

    >>> data = Examples({"x": Ragged.of([[5, 6, 7], [8]]), "y": torch.tensor([0, 1])}, np.arange(2), ("0", "1"))
    >>> secret = ReplaceTokens(tokens=(6, 7), fill=(8, 9))
    >>> secret.draw(data).tolist(), secret.replacement(data, np.array([0])).x[:].tolist()
    ([0], [[5, 8, 9]])

    Args:
        tokens: their numbers.
        fill: the token that comes in their place, for all or one for each; several are put in at once, so that tokens may change
            places.
        rows: chooses the training rows to change, of the data as they are: no models are trained for it. None changes all data.

    Source: the replacement of a memorized sequence in Warnecke et al. 2023, arXiv 2108.11577, section 6.3.
    """

    tokens: Annotated[tuple[Token, ...], AfterValidator(_lists)]
    fill: Token | tuple[Token, ...]
    rows: Annotated[Request | None, AfterValidator(chooses)] = None

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """Rows in which a token changes.

        Raises:
            RequestError: there is not one fill for each token, inputs are not rows of tokens, or no row has one.
        """
        if isinstance(self.fill, tuple) and len(self.fill) != len(self.tokens):
            raise RequestError(f"{len(self.tokens)} tokens and {len(self.fill)} fills: give one for all, or one for each")
        if not isinstance(train.x, Ragged):
            raise RequestError("the inputs are not rows of tokens: take ReplaceFeatures for rows of numbers")
        chosen = np.arange(len(train)) if self.rows is None else np.asarray(self.rows.draw(train))
        some = train.x.take(chosen)
        changes = (self._replaced(some.values) != some.values).cpu().numpy()
        counts = np.add.reduceat(np.append(changes, False), some.starts[:-1]) * (np.diff(some.starts) > 0)
        rows = np.asarray(chosen[counts > 0])
        if len(rows) == 0:
            raise RequestError(f"{self!r} changes nothing: none of {len(chosen)} training rows has such a token")
        return rows

    def replacement(self, train: Examples, rows: np.ndarray[Any, Any]) -> Examples:
        """The rows with their new tokens."""
        return self._changed(take(train, rows))

    def everywhere(self, examples: Examples, replacement: Examples | None) -> Examples:
        """Validation or test examples with the new tokens, where the old ones go everywhere."""
        return examples if self.rows is not None or replacement is None else self._changed(examples)

    def named(self, examples: Examples) -> np.ndarray[Any, Any]:
        """Those that ``rows`` names; none where all data change, whatever is set apart."""
        return np.zeros(0, dtype=np.int64) if self.rows is None else self.rows.named(examples)

    def _changed(self, examples: Examples) -> Examples:
        return examples.with_fields(**{name: self._column(column) for name, column in examples.fields.items()})

    def _column(self, column: Column) -> Column:
        return Ragged(self._replaced(column.values), column.starts) if isinstance(column, Ragged) else column

    def _replaced(self, values: torch.Tensor) -> torch.Tensor:
        new = values.clone()
        fills = self.fill if isinstance(self.fill, tuple) else (self.fill,) * len(self.tokens)
        for token, fill in zip(self.tokens, fills, strict=True):
            new[values == token] = fill
        return new
