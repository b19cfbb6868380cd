"""From data of a user to examples and a learner for the folds: what the user says, and where nothing is said, a plain choice."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from untrain.core.errors import DataError
from untrain.core.metering import add_note
from untrain.data.examples import Examples
from untrain.data.readers.question_answer import tokenizers_library
from untrain.data.understood import Understood
from untrain.experiments.forgetting.inputs import token_examples
from untrain.experiments.forgetting.opened_model import ModelChoices
from untrain.experiments.forgetting.prepared import LENGTH, name_of, prepared
from untrain.models.architectures.bagofembeddings import BagOfEmbeddings
from untrain.models.architectures.base import Architecture
from untrain.models.architectures.convnet import ConvNet
from untrain.models.architectures.mlp import MLP
from untrain.models.tasks.base import Task
from untrain.models.tasks.textclassification import TextClassification
from untrain.training.learners.train import Train
from untrain.training.steps import AdamW, Steps

WORDS = 8_000  # tokens at most that are learned of texts
BATCH, LEAST, EPOCHS = 64, 600, (20, 200)  # of training where nobody says how: at least so many steps, in so many epochs


@dataclass(frozen=True, eq=False)
class Ground:
    """Examples, how models of them are trained, and both in words."""

    train: Examples
    learner: Train
    network: str
    steps: str


def ground_of(data: Understood, choices: ModelChoices) -> Ground:
    """Examples of some data and a learner for them.

    Raises:
        DataError: the data do not fit, or there is one class.
        ModelError: the network does not take them.
    """
    kind, present = data.roles.kind, np.unique(data.labels)
    if len(present) < 2:
        raise DataError(f"{data.table.source}: all rows have one label, {str(present[0])!r}: none of them can be a wrong one")
    usual: Architecture = ConvNet() if kind == "images" else BagOfEmbeddings() if kind == "text" else MLP(width=64)
    chosen = replace(choices, network=choices.network or usual)
    task: Task
    if kind == "text" and not choices.tokenizer and choices.transform is None:
        train, task = _words(data, choices)
    else:
        shown, task = prepared([data], chosen)
        train = shown[0] if choices.transform is not None else _standardized(data, shown[0])
    steps = choices.steps or _usual_steps(len(train))
    if choices.network is None:
        add_note(f"models of the folds are {usual!r}, as no network was named; --network names another")
    return Ground(train, Train(model=chosen.network, steps=steps, task=task), name_of(chosen.network), repr(steps))


def _words(data: Understood, choices: ModelChoices) -> tuple[Examples, TextClassification]:
    library, texts = tokenizers_library(), data.inputs.tolist()
    words = library.learn(texts, WORDS)
    rows = library.encode(words, texts, choices.length or LENGTH)
    train = token_examples(data, rows, (), None)
    add_note("texts are cut into tokens that were learned of them; --tokenizer FOLDER names a tokenizer")
    return train, TextClassification(length=choices.length or LENGTH, vocabulary=words.get_vocab_size(), classes=train.classes)


def _standardized(data: Understood, train: Examples) -> Examples:
    """Columns of a table with mean 0 and deviation 1: one in thousands would else drown the others. Labels play no part."""
    x = train.x
    if data.roles.kind != "numbers" or not isinstance(x, torch.Tensor) or x.ndim != 2 or not x.is_floating_point():
        return train
    deviation = x.std(0, correction=0)
    add_note("columns are brought to mean 0 and deviation 1 for the models of the folds; --transform makes other inputs")
    return train.with_inputs((x - x.mean(0)) / torch.where(deviation > 0, deviation, 1.0))


def _usual_steps(rows: int) -> Steps:
    epochs = min(max(-(-LEAST * BATCH // rows), EPOCHS[0]), EPOCHS[1])
    return Steps(lr=1e-3, epochs=epochs, batch=BATCH, optimizer=AdamW())
