"""A checkpoint of somebody else, opened: the model, what it is shown, how it could be trained again, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from untrain.data.examples import Examples
from untrain.models.tasks.base import Task
from untrain.training.base import Learner
from untrain.training.steps import Steps


@dataclass(frozen=True, eq=False)
class OpenedModel:
    """A model with data in the form that it takes, and the format that it came in.

    Args:
        path: of the checkpoint.
        kind: of the checkpoint, in words.
        model: with the weights of the checkpoint, in eval mode.
        learner: how the model could be trained again.
        assumed: a sentence where the learner is a guess; empty where the user said it or the checkpoint does.
        task: of the model.
        train: the data that it was trained on, as it is shown them.
        valid: data that it has not seen, as it is shown them; None where there are none.
        rounded: rounds weights in place as the written checkpoint will hold them.
        write: writes a model as a new checkpoint, at a path where nothing is.
        exact: whether training again gives the one optimum, whatever the seed.
        place: of the weights in the file; empty where it holds nothing else.
        obstacle: the reason why it cannot be trained again here, with the way out; empty where it can.
    """

    path: Path
    kind: str
    model: nn.Module
    learner: Learner
    assumed: str
    task: Task
    train: Examples
    valid: Examples | None
    rounded: Callable[[nn.Module], nn.Module]
    write: Callable[[nn.Module, Path], None]
    exact: bool = False
    place: str = ""
    obstacle: str = ""


@dataclass(frozen=True, eq=False)
class ModelChoices:
    """Facts about a model that its checkpoint does not hold; None and empty fields are guessed, or refused where they are needed.

    Args:
        network: an architecture, or a callable without arguments that makes the network.
        steps: how the model was trained.
        transform: makes the input that the model takes of one row.
        tokenizer: folder or file of the tokenizer.
        length: most tokens of a row.
        device: where the model runs.
        base: folder of the language model that training began from.
        prompt: text of a question and its answer, with {question} and {answer} in it.
        adapters: 'auto' trains low-rank adapters beside large weights, 'never' trains all weights.
    """

    network: Any = None
    steps: Steps | None = None
    transform: Callable[[Any], Any] | None = None
    tokenizer: str = ""
    length: int | None = None
    device: str = "cpu"
    base: str = ""
    prompt: str = ""
    adapters: str = "auto"
