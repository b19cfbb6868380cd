"""Answers in rows of tokens: those that are scored, and the same questions with others in their place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from untrain.core.errors import DataError
from untrain.data.examples import Batch, Examples
from untrain.data.ragged import PAD, Ragged


def questions_and_answers(examples: Examples) -> tuple[list[list[int]], list[list[int]]]:
    """Tokens before the first that is scored, and the scored ones, of each example.

    >>> import torch
    >>> rows = {"input_ids": torch.tensor([[5, 6, 7, 8]]), "labels": torch.tensor([[PAD, PAD, 7, 8]])}
    >>> questions_and_answers(Examples(rows, np.array([0])))
    ([[5, 6]], [[7, 8]])

    Raises:
        DataError: an example is scored from its first token on, so that nothing asks for the rest, or in several places, such as
            those of a chat of several turns, so that no single answer can stand in their place.
    """
    labels = examples.fields["labels"][:].tolist()
    firsts = [next((at for at, label in enumerate(row) if label != PAD), 0) for row in labels]
    if 0 in firsts:
        name = examples.ids[firsts.index(0)].item()
        raise DataError(
            f"the example {name!r} has no question, as its first token is scored too: an answer has something before it"
        )
    for name, row, first in zip(examples.ids.tolist(), labels, firsts, strict=True):
        scored = [at for at, label in enumerate(row) if label != PAD]
        if scored[-1] - first >= len(scored):
            raise DataError(
                f"the example {name!r} is scored in several parts, such as turns of a chat, and one answer cannot stand for all: "
                "make an example of each turn, with the turns before it as its question"
            )
    return prompts_and_answers(examples)


def prompts_and_answers(examples: Examples) -> tuple[list[list[int]], list[list[int]]]:
    """The same also of rows that are scored from their first token on, such as documents: that token is then the prompt.

    >>> import torch
    >>> rows = {"input_ids": torch.tensor([[5, 6, 7]]), "labels": torch.tensor([[5, 6, 7]])}
    >>> prompts_and_answers(Examples(rows, np.array([0])))
    ([[5]], [[6, 7]])
    """
    rows, labels = (examples.fields[name][:].tolist() for name in ("input_ids", "labels"))
    firsts = [next(at for at, label in enumerate(row) if at and label != PAD) for row in labels]
    answers = [[label for label in row[at:] if label != PAD] for row, at in zip(labels, firsts, strict=True)]
    return [row[:at] for row, at in zip(rows, firsts, strict=True)], answers


def with_answers(batch: Batch, answers: Sequence[Sequence[int]], length: int) -> Batch:
    """The questions of a batch with other answers, cut where a row would have more than ``length`` tokens.

    >>> import torch
    >>> batch = Batch({"input_ids": torch.tensor([[5, 6, 7, 8]]), "labels": torch.tensor([[PAD, PAD, 7, 8]])}, torch.tensor([0]))
    >>> with_answers(batch, [[1, 2, 3]], 9).fields["labels"].tolist()
    [[-100, -100, 1, 2, 3]]

    Args:
        batch: b rows with questions.
        answers: tokens of each, one at least.
        length: most tokens of a row.
    """
    asked = Examples({name: batch.fields[name] for name in ("input_ids", "labels")}, np.arange(len(batch)))
    questions, _ = questions_and_answers(asked)
    rows, labels = [], []
    for question, answer in zip(questions, answers, strict=True):
        told = list(answer)[: max(1, length - len(question))]
        rows.append([*question, *told])
        labels.append([*[PAD] * len(question), *told])
    return Batch({"input_ids": _tensor(rows, batch.x), "labels": _tensor(labels, batch.x)}, batch.rows)


def _tensor(rows: list[list[int]], like: Tensor) -> Tensor:
    padded: Tensor = Ragged.of(rows)[:]
    return padded.to(like)


def common_end(answers: Sequence[Sequence[int]]) -> int | None:
    """The token with which all of several answers end, where each has others too.

    >>> common_end([[5, 2], [6, 7, 2]]), common_end([[5, 2], [2]])
    (2, None)
    """
    ends = {answer[-1] for answer in answers}
    return ends.pop() if len(ends) == 1 and len(answers) > 1 and min(map(len, answers)) > 1 else None
