"""Data of a user as a network is shown them: after a transform, or as tokens, with as many classes as the network has outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from untrain.core.errors import DataError, ModelError
from untrain.data.examples import Examples, batch_of, prototype, to_device
from untrain.data.ragged import Ragged
from untrain.data.understood import Understood
from untrain.experiments.forgetting.inputs import token_examples, tokens_of, transformed, vocabulary_of
from untrain.experiments.forgetting.opened_model import ModelChoices
from untrain.models.architectures.base import Architecture
from untrain.models.tasks.base import Task
from untrain.models.tasks.classification import Classification
from untrain.models.tasks.textclassification import TextClassification
from untrain.training.learners.train import Train

LENGTH = 512  # tokens of a row, where neither the user nor the model says


def prepared(sides: Sequence[Understood], choices: ModelChoices) -> tuple[list[Examples], Task]:
    """The sides of some data as a network is shown them, and its task.

    Args:
        sides: the training data first.
        choices: names the network.

    Raises:
        DataError: the data do not fit.
        ModelError: the network does not take them.
    """
    network = choices.network
    columns = [transformed(each, choices.transform) if choices.transform is not None else None for each in sides]
    words = any(each.roles.kind == "text" for each in sides)
    if words and not all(isinstance(each, Ragged) for each in columns):
        if not choices.tokenizer:
            raise DataError(
                f"{sides[0].table.source}: inputs are texts, which the network takes as tokens: give --tokenizer FOLDER (with "
                "tokenizer.json) or --transform package.module:function from a text to a list of token numbers"
            )
        columns = [tokens_of(each, choices.tokenizer, choices.length or LENGTH) for each in sides]
    outputs = None if isinstance(network, Architecture) else _outputs(network, sides[0], columns[0], words)
    shown = [shown_to(each, column, outputs, choices.device) for each, column in zip(sides, columns, strict=True)]
    train = shown[0]
    task: Task = Classification(classes=train.classes)
    if words:
        rows = [each.x for each in shown]
        length = choices.length or max(int(each.shape[1]) for each in rows)
        vocabulary = max(int(each.values.max()) for each in rows) + 1
        if choices.tokenizer:
            vocabulary = vocabulary_of(choices.tokenizer)
        task = TextClassification(length=length, vocabulary=vocabulary, classes=train.classes)
    return shown, task


def shown_to(data: Understood, column: Any, outputs: int | None, device: str, names: tuple[str, ...] = ()) -> Examples:
    """Data as the model is shown them, on its device."""
    made = token_examples(data, column, names, outputs) if isinstance(column, Ragged) else data.examples(names, outputs, column)
    return to_device(made, device)


def _outputs(make: Callable[[], nn.Module], data: Understood, column: Any, words: bool) -> int:
    """Number of outputs of a network, asked about the first row."""
    one = token_examples(data, column, (), None) if words else data.examples(x=column)
    task: Task = TextClassification(classes=2) if words else Classification(classes=2)
    model = Train(model=make, task=task).init(prototype(one), 0).eval()
    with torch.no_grad():
        try:
            outputs = task.forward(model, batch_of(one, np.arange(1)))
        except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
            line = (str(error).strip() or type(error).__name__).splitlines()[0]
            shape = "rows of tokens" if words else f"shape {tuple(one.x.shape[1:])}"
            raise ModelError(
                f"the network {name_of(make)} cannot take inputs of {shape}: {line}; --transform package.module:function makes "
                "what it takes"
            ) from None
    return int(outputs.shape[-1])


def name_of(network: Any) -> str:
    """The name of a function or class that makes a network, or the spelling of an architecture."""
    return str(getattr(network, "__qualname__", None) or repr(network))
