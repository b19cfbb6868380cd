"""An earlier checkpoint of the model."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from untrain.core.errors import SpecError
from untrain.core.fields import Count
from untrain.data.examples import Examples
from untrain.training.keepers.base import Keeper, Trainer


class Checkpoint(Keeper):
    """Save all parameters and buffers after an epoch, under their names.

    Args:
        at: after how many epochs; initial values need no keeper, as a model's own seed makes them again.

    Source: the starting point of model state arithmetic, Rezaei et al. 2025, arXiv 2506.20941.
    """

    at: Count = 1

    def epoch(self, epochs: int) -> int:
        """The epoch that it names.

        Raises:
            SpecError: training ends before it.
        """
        if self.at > epochs:
            raise SpecError(f"{self!r} is never reached: the learner trains for {epochs} epochs")
        return self.at

    def keep(self, model: nn.Module, examples: Examples, learner: Trainer) -> Mapping[str, Tensor]:
        """The state dict."""
        return model.state_dict()
