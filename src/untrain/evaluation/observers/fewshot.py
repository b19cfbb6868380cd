"""A test of whether a few answered questions before a question bring back its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np
from torch import nn

from untrain.core.fields import Count
from untrain.data.examples import Examples
from untrain.data.ragged import PAD, Ragged
from untrain.evaluation.base import Array, Measured, Prepared, ScoreInfo
from untrain.evaluation.observers._weakened import certainty, compared, infos
from untrain.evaluation.observers.base import Observer, ObserverContext
from untrain.models.tasks.causallm import CausalLM


class FewShot(Observer):
    """Probability of forgotten answers where a few answered questions, of the test set, stand before the question.

    As many of the drawn ones as leave room for the question, the same before all questions. Classifiers have no context, and say
    the same twice.

    Args:
        shots: answered questions.

    Source: Brown et al. 2020, arXiv 2005.14165 (few-shot prompts); Jin et al. 2024, arXiv 2406.10890 (RWKU, in-context learning
        as an attack).
    """

    shots: Count = 3

    by_labels: ClassVar[bool] = True
    scores: ClassVar[Mapping[str, ScoreInfo]] = infos(
        "few_shot", "asked behind a few answered questions", "hides: behind answered questions it knows more than retrained models"
    )

    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """Probability of each answer of the forget set without and with the context, (n, 2)."""
        plain = certainty(model, sight.forget, sight.task)
        if not isinstance(sight.task, CausalLM) or not len(sight.test):
            return np.stack([plain, plain], axis=-1)
        order = np.random.default_rng(sight.seed).permutation(len(sight.test))[: self.shots]
        shown = [row[row != PAD].tolist() for row in (sight.test.fields["input_ids"][:][order]).cpu()]
        return np.stack([plain, certainty(model, _behind(shown, sight.forget, sight.task.length), sight.task)], axis=-1)

    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """Probability with the context, and what the context adds."""
        return compared("few_shot", trial)


def _behind(shown: list[list[int]], examples: Examples, length: int) -> Examples:
    """The same questions, each after other questions with answers; none of those is scored."""
    rows, labels = (examples.fields[name][:].tolist() for name in ("input_ids", "labels"))
    sizes = [sum(token != PAD for token in row) for row in rows]
    before: list[list[int]] = []
    for size in sizes:
        context: list[int] = []
        for one in shown:
            context = context + one if len(context) + len(one) + size <= length else context
        before.append(context)
    fields = {
        "input_ids": Ragged.of([[*c, *row[:size]] for c, row, size in zip(before, rows, sizes, strict=True)]),
        "labels": Ragged.of([[*[PAD] * len(c), *row[:size]] for c, row, size in zip(before, labels, sizes, strict=True)]),
    }
    return replace(examples, fields=fields)
