"""Predictions of datamodels instead of a model's outputs: a diagnostic."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor, nn

from untrain.attribution.estimation import Estimation
from untrain.core.errors import ModelError
from untrain.core.fields import NonNegative
from untrain.core.metering import add_note
from untrain.core.search_space import SearchHint
from untrain.data.batching import in_order
from untrain.data.examples import Examples, batch_of
from untrain.models.tasks.base import Task
from untrain.training.problem import Problem
from untrain.unlearners._matching import without
from untrain.unlearners.base import Unlearner


class DatamodelDirect(Unlearner):
    """Diagnostic: keep the model, and subtract ``scale * effects of forget`` from its outputs on training examples.

    It says how good the estimated effects are by themselves; no weight moves, so nothing is forgotten. An example is recognised by
    its input, bit for bit, and equal inputs have the mean of their effects. Others, test examples among them, have the outputs
    that they had. Batch-norm buffers stay as they are.

    Args:
        estimation: how a run estimates the effects of its forget set; a problem made by hand brings its own.
        scale: factor of the effects, beside the multipliers that are fitted where they are estimated.

    Source: Georgiev et al. 2024, arXiv 2410.23232 (datamodel direct); code RoyRin/data-unlearning-bench, dm_direct.
    Departs: examples are recognised by their inputs where the code goes by places in a list, which it takes for training rows
        on held-out data too. The code's choice to correct the forget set's own outputs alone, by the effect of each example on
        itself, and its unused softening of thresholds are left out. Effects are multiplied as for ``DatamodelMatch``.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "effects", "classes"})

    estimation: Estimation = Estimation()
    scale: Annotated[NonNegative, SearchHint(0.25, 4, log=True)] = 1.0

    def may_be_unchanged(self, problem: Problem) -> bool:
        """True: only outputs change."""
        return True

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model with a hook on its outputs."""
        effects, table = problem.estimated, dict[bytes, list[Tensor]]()
        add_note(effects.about)
        for part, values in ((problem.forget, effects.forget), (problem.rest, effects.retain)):
            for key, value in zip(_keys(part, problem.task), values.cpu(), strict=True):
                table.setdefault(key, []).append(self.scale * value)
        model.register_forward_hook(_Correction({key: torch.stack(values).mean(0) for key, values in table.items()}))
        add_note("a diagnostic: predicted outputs replace the model's; its weights are as they were")
        return model


def _keys(examples: Examples, task: Task) -> list[bytes]:
    """Digest of each input as a model is shown it."""
    batches = (task.inputs(batch_of(examples, rows)) for rows in in_order(len(examples), 512))
    return [_digest(x) for inputs in batches for x in inputs]


def _digest(x: Tensor) -> bytes:
    return hashlib.sha256(x.detach().cpu().numpy().tobytes()).digest()


class _Correction:
    """A hook that takes the effects on an example, by the digest of its input, from its outputs; a class, so that models pickle."""

    def __init__(self, effects: dict[bytes, Tensor]):
        self.effects = effects

    def __call__(self, model: nn.Module, inputs: tuple[Any, ...], outputs: Any) -> Tensor:
        """The outputs less the effects.

        Raises:
            ModelError: the model takes, or gives, something else than one tensor.
            DataError: effects are not of its outputs.
        """
        if not inputs or not isinstance(inputs[0], Tensor) or not isinstance(outputs, Tensor):
            raise ModelError("DatamodelDirect works on models that take one tensor and give one")
        corrected = outputs.clone()
        for at, x in enumerate(inputs[0]):
            effect = self.effects.get(_digest(x))
            if effect is not None:
                corrected[at] = without(outputs[at], effect)
        return corrected
