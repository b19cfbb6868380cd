"""Checkpoints of other people's code as weights of a scene's model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from untrain.experiments.scene import Scene
from untrain.models import checkpoints
from untrain.models.checkpoint_files import State
from untrain.models.compatibility import check_fit
from untrain.models.state import load_state
from untrain.models.wrappers import unwrap


def read_state(source: Any, scene: Scene, who: str) -> State:
    """Read the weights of a checkpoint, under the names that a model of a scene's learner gives them.

    Args:
        source: as ``untrain.models.checkpoints.read_state`` takes it.
        scene: knows the model.
        who: name of the checkpoint in messages.

    Raises:
        DataError: it cannot be read, holds no state dict, or several that fit.
        ModelError: names or shapes of the weights are not those of the model, or some are NaN or infinite.
    """
    return checkpoints.read_state(source, lambda: _untrained(scene), who, f"the model of {type(scene.scenario).__name__}")


def loaded(state: Mapping[str, Tensor], scene: Scene) -> nn.Module:
    """Load weights, as ``read_state`` returns them, into a model of a scene's learner, in eval mode."""
    model = load_state(_untrained(scene), state)
    check_fit(model.eval(), scene.task, scene.data.train)
    return model


def _untrained(scene: Scene) -> nn.Module:
    return unwrap(scene.learner.init(scene.data.train, 0))
