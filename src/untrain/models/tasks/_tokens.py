"""Functions that tasks on rows of tokens share."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.data.examples import Batch, Column, Examples
from untrain.data.ragged import Ragged
from untrain.models.tasks.choice import logits_of

TEXT = "text"  # the column with examples as readable texts


def ask(model: nn.Module, batch: Batch) -> Tensor:
    """Logits of a model that takes ``input_ids`` and ``attention_mask``, both (b, t); the mask is False where a row is padded."""
    mask = batch.x >= 0
    # No embedding has a row for PAD: token 0 stands there, and the mask says that it does not count.
    return logits_of(model, model(input_ids=batch.x.clamp(min=0), attention_mask=mask))


def values_of(column: Column) -> Tensor:
    """All numbers of a column of tokens, padding of a tensor included."""
    return column.values if isinstance(column, Ragged) else torch.as_tensor(column[:])


def check_tokens(name: str, column: Column, length: int, vocabulary: int) -> None:
    """Check that a column holds rows of tokens of a vocabulary, none too long.

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


def as_text(examples: Examples) -> np.ndarray[Any, Any]:
    """Examples as readable texts, (n,): their column 'text', or else the numbers of their tokens."""
    if TEXT in examples.columns:
        return np.asarray(examples.columns[TEXT]).astype(str)
    return np.array([" ".join(str(token) for token in row if token >= 0) for row in examples.x[:].tolist()])
