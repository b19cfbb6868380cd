"""A test of whether models of few bits know again what was forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from untrain.evaluation.base import Array, Measured, Prepared, ScoreInfo
from untrain.evaluation.observers._weakened import compared, infos, known
from untrain.evaluation.observers.base import Observer, ObserverContext
from untrain.maths.round_to_bits import round_to_bits


class Quantization(Observer):
    """Probability of the targets in the forget set after all weight matrices are rounded to a few bits.

    Unlearning that moves weights by little may be undone by rounding, which puts them back where they were. Each row of a matrix
    has a scale of its own, which is each output of a linear layer; embeddings are rounded too. Vectors, such as biases and norms,
    stay as they are, and so do activations.

    Args:
        bits: of each weight.

    Source: Zhang et al. 2024, arXiv 2410.16454 (unlearned models remember after quantization); rounding to the nearest.
    """

    bits: Annotated[int, Field(ge=2, le=8)] = 4

    by_labels: ClassVar[bool] = True
    scores: ClassVar[Mapping[str, ScoreInfo]] = infos("quantized", "whose weights are rounded to a few bits")

    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """Probability before and after, (n, 2)."""
        return known(model, sight, partial(round_to_bits, bits=self.bits))

    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """Probability after rounding, and its change."""
        return compared("quantized", trial)
