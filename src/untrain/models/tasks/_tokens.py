"""Functions that tasks on rows of tokens share."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.data.examples import Column, Examples
from untrain.data.ragged import PAD, Ragged
from untrain.models.tasks.choice import logits_of

TEXT = "text"  # the column with examples as readable texts


def ask(model: nn.Module, tokens: Tensor) -> Tensor:
    """Logits on tokens (b, t), padded with PAD, of a model that takes ``input_ids`` and ``attention_mask``, both (b, t).

    The mask is False where a row is padded.
    """
    mask = tokens >= 0
    # No embedding has a row for PAD: token 0 stands there, and the mask says that it does not count.
    return logits_of(model, model(input_ids=tokens.clamp(min=0), attention_mask=mask))


def values_of(column: Column) -> Tensor:
    """All numbers of a column of tokens, row after row, padding of a tensor included, (total,)."""
    return column.values if isinstance(column, Ragged) else torch.as_tensor(column[:]).flatten()


def starts_of(column: Column) -> np.ndarray[Any, Any]:
    """The start of each row of a column among its numbers, and the end of the last, (n + 1,)."""
    return column.starts if isinstance(column, Ragged) else np.arange(len(column) + 1) * column.shape[1]


def check_tokens(name: str, column: Column, length: int, vocabulary: int) -> None:
    """Check that a column holds rows of tokens of a vocabulary or PAD, none too long.

    Raises:
        ModelError: it holds something else.
    """
    if column.ndim != 2 or column.is_floating_point():
        kind = f"{column.dtype} of shape {tuple(column.shape)}"
        raise ModelError(f"{name!r} holds {kind}; rows of tokens, whole numbers (n, t), are needed")
    if column.shape[1] > length:
        raise ModelError(f"the longest row of {name!r} has {column.shape[1]} tokens and length={length}: cut rows, or raise it")
    values = values_of(column)
    if values.numel() and int(values.max()) >= vocabulary:
        raise ModelError(f"{name!r} holds token {int(values.max())} and vocabulary={vocabulary}: raise it")
    strange = values[(values < 0) & (values != PAD)]
    if strange.numel():
        raise ModelError(f"{name!r} holds {int(strange[0])}, which is neither a token, 0 or more, nor the padding {PAD}")


def check_padding(name: str, column: Column, ids: np.ndarray[Any, Any]) -> None:
    """Check that rows of tokens are padded at their end alone, since no model sees what else PAD would mean.

    Raises:
        ModelError: a token follows PAD.
    """
    real, starts = (values_of(column) >= 0).cpu().numpy(), starts_of(column)
    follows = real[1:] & ~real[:-1]
    at = np.setdiff1d(np.flatnonzero(follows) + 1, starts)
    if len(at):
        row = int(np.searchsorted(starts, at[0], side="right")) - 1
        raise ModelError(f"{name!r} of the example {ids[row].item()!r} has a token after {PAD}: rows are padded at their end alone")


def as_text(examples: Examples) -> np.ndarray[Any, Any]:
    """Examples as readable texts, (n,): their column 'text', or else the numbers of their tokens."""
    if TEXT in examples.columns:
        return np.asarray(examples.columns[TEXT]).astype(str)
    return np.array([" ".join(str(token) for token in row if token >= 0) for row in examples.x[:].tolist()])
