"""Membership by the loss of a text beside what a compressor makes of it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from torch import nn

from untrain.data.examples import Examples
from untrain.data.ragged import PAD
from untrain.evaluation.base import Array, Curve, Measured, Prepared, ScoreInfo
from untrain.evaluation.observers._membership import area, area_info, curve
from untrain.evaluation.observers.base import Observer, ObserverContext
from untrain.models.inference import predict, signal
from untrain.models.tasks.causallm import CausalLM


class ZlibMIA(Observer):
    """Attack by the loss on forget answers over the bytes to which zlib packs them, against the same on test answers.

    A text that repeats itself has a small loss without having been learned, and packs well. Of examples that are not texts, the
    inputs are packed.

    Source: Carlini et al. 2021, arXiv 2012.07805.
    Departs: the tokens of the answer are packed, each two bytes or four, since an observer sees no letters.
    """

    by_labels: ClassVar[bool] = True
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "mia_zlib_auc": area_info(
            "smaller loss over its packed size", "short answers hardly pack, and of these it says what the loss alone says"
        )
    }

    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """Minus the loss over packed bytes of each forget and then of each test example, (n,)."""
        return np.concatenate([-self._losses(model, examples, sight) for examples in (sight.forget, sight.test)])

    def _losses(self, model: nn.Module, examples: Examples, sight: ObserverContext) -> Array:
        if not isinstance(sight.task, CausalLM):
            rows = np.asarray(examples.x[:].cpu())
            return np.asarray(signal(model, examples, sight.task, "loss") / [packed(row) for row in rows])
        out = predict(model, examples, sight.task)
        labels = np.asarray(examples.fields["labels"][:].cpu())
        kind = np.uint16 if sight.task.vocabulary <= 2**16 else np.uint32
        return np.asarray(out["loss"] * out["count"] / [packed(row[1:][row[1:] != PAD].astype(kind)) for row in labels])

    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """The area under the ROC curve."""
        return {"mia_zlib_auc": area(trial)}

    def curves(self, trial: Prepared) -> Mapping[str, Curve]:
        """The ROC curve, model by model."""
        return curve("mia_zlib", "Loss over packed size", trial)


def packed(values: Array) -> int:
    """Bytes to which zlib packs numbers.

    >>> packed(np.zeros(1000, dtype=np.uint16)) < packed(np.arange(1000, dtype=np.uint16))
    True
    """
    return len(zlib.compress(np.ascontiguousarray(values).tobytes()))
