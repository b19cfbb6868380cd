"""A small problem of texts that promises are tried on: what holds of images need not hold of rows of tokens."""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache

import numpy as np
import torch
from torch import nn

from untrain.data.examples import Examples, prototype, take
from untrain.data.ragged import Ragged
from untrain.models.architectures.texttransformer import TextTransformer
from untrain.models.tasks.textclassification import TextClassification
from untrain.training.learners.train import Train
from untrain.training.problem import Problem
from untrain.training.steps import AdamW, Constant, Steps

LENGTH, VOCABULARY, CLASSES, FORGET, TOTAL, VALID = 6, 11, 3, 12, 60, 9
STEPS = Steps(lr=0.02, epochs=6, batch=12, optimizer=AdamW(), schedule=Constant())
LEARNER = Train(
    model=TextTransformer(width=8, depth=1, heads=2, hidden=16),
    steps=STEPS,
    task=TextClassification(length=LENGTH, vocabulary=VOCABULARY, classes=CLASSES),
)


def _texts(count: int) -> Examples:
    """Rows of 3 to 6 tokens, of which the first names the class."""
    draw = np.random.default_rng(0)
    rows = [[at % CLASSES, *draw.integers(CLASSES, VOCABULARY, draw.integers(2, LENGTH)).tolist()] for at in range(count)]
    labels = torch.tensor([row[0] for row in rows])
    return Examples({"input_ids": Ragged.of(rows), "y": labels}, np.arange(count), tuple(map(str, range(CLASSES))))


@lru_cache(maxsize=1)
def _trained() -> tuple[nn.Module, nn.Module]:
    """The transformer, and one that was trained without the forget set."""
    data = _texts(TOTAL)
    return LEARNER(data, 0), LEARNER(take(data, np.arange(FORGET, TOTAL)), 7)


def small_text() -> tuple[nn.Module, Problem]:
    """A trained transformer with embeddings and layer norms, in eval mode, and the request to forget 12 of its 60 texts."""
    data, rows = _texts(TOTAL + VALID), np.arange(TOTAL + VALID)
    model, oracle = _trained()
    blank = prototype(data)

    def init(seed: int) -> nn.Module:
        return LEARNER.init(blank, seed)

    forget, retain, valid = (take(data, part) for part in np.split(rows, [FORGET, TOTAL]))
    kept = {"Checkpoint": {name: value.clone() for name, value in model.state_dict().items()}}
    return deepcopy(model).eval(), Problem(
        LEARNER.task, forget, retain, valid, init=init, recipe=LEARNER, seed=3, origin=0, kept=kept, oracles=(oracle,)
    )
