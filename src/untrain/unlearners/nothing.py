"""The control that leaves the model as it is."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from untrain.training.problem import Problem
from untrain.unlearners.base import Unlearner


class Nothing(Unlearner):
    """Leave the model as it is; an audit must distinguish this from forgetting.

    Batch-norm buffers stay as they are.

    Source: none; the control of every table.
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    def may_be_unchanged(self, problem: Problem) -> bool:
        """True always."""
        return True

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model as it came."""
        return model
