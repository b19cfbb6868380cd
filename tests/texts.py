"""Made-up texts in small: a class per leading word, and rows of which the second half is to be predicted."""

from dataclasses import replace

import numpy as np
import torch

from untrain.data.examples import Examples, take
from untrain.data.ragged import PAD, Ragged
from untrain.models.architectures.bagofembeddings import BagOfEmbeddings
from untrain.models.architectures.causaltransformer import CausalTransformer
from untrain.models.architectures.texttransformer import TextTransformer
from untrain.models.tasks.causallm import CausalLM
from untrain.models.tasks.textclassification import TextClassification
from untrain.training.learners.train import Train
from untrain.training.problem import Problem
from untrain.training.steps import AdamW, Constant, Steps
from untrain.training.toy import effects_of, kept_of

VOCABULARY, LENGTH, CLASSES, TOTAL, FORGET = 12, 7, 3, 36, 8
SMALL = {"width": 8, "depth": 1, "heads": 2, "hidden": 16}
STEPS = Steps(lr=0.02, epochs=3, batch=12, optimizer=AdamW(), schedule=Constant())


def rows(n=TOTAL, seed=0):
    """Rows of 3 to 7 tokens; the first names the class."""
    draw = np.random.default_rng(seed)
    return [[at % CLASSES, *draw.integers(CLASSES, VOCABULARY, draw.integers(2, LENGTH)).tolist()] for at in range(n)]


def classified(n=TOTAL, seed=0):
    """Texts with a label each."""
    tokens = rows(n, seed)
    y = torch.tensor([row[0] for row in tokens])
    words = np.array([" ".join(map(str, row)) for row in tokens])
    return Examples({"input_ids": Ragged.of(tokens), "y": y}, np.arange(n), ("a", "b", "c"), columns={"text": words})


def answered(n=TOTAL, seed=0):
    """Texts of which all but the first two tokens are answers."""
    tokens = rows(n, seed)
    labels = [[PAD, PAD, *row[2:]] for row in tokens]
    return Examples({"input_ids": Ragged.of(tokens), "labels": Ragged.of(labels)}, np.arange(n))


LEARNERS = {
    "bag": (classified, Train(model=BagOfEmbeddings(width=8), steps=STEPS, task=TextClassification(LENGTH, VOCABULARY))),
    "encoder": (classified, Train(model=TextTransformer(**SMALL), steps=STEPS, task=TextClassification(LENGTH, VOCABULARY))),
    "causal": (answered, Train(model=CausalTransformer(**SMALL), steps=STEPS, task=CausalLM(LENGTH, VOCABULARY))),
}


def problem(kind):
    """A trained model and the request to forget 8 of its 36 texts."""
    make, learner = LEARNERS[kind]
    data = make()
    at = np.arange(TOTAL)
    forget, retain = take(data, at[:FORGET]), take(data, at[FORGET:])
    model = learner(data, 0)
    kept = {"Checkpoint": {name: value.clone() for name, value in model.state_dict().items()}} | kept_of(model, data, learner.task)
    init = lambda s: learner.init(data, s)  # noqa: E731
    oracle, aids = learner.init(data, 1).eval(), {}
    if kind != "causal":  # effects are of logits of classes
        aids = {"oracles": (oracle,), "effects": effects_of(model, oracle, learner.task.resolve(data), forget, retain)}
    return model, Problem(learner.task, forget, retain, make(12, 1), init, learner, seed=3, origin=0, kept=kept, **aids)


def replace_forget(problem, forget):
    """The problem with another forget set, and the digest that goes with it."""
    return replace(problem, forget=forget, digest="", effects=None)
