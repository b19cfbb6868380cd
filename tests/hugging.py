"""Tiny classifiers of transformers, by their configuration: no hub, no download."""

import functools

import numpy as np
import torch

from untrain.data.examples import Examples, take
from untrain.models.architectures.huggingface import HuggingFace
from untrain.models.tasks.classification import Classification
from untrain.training.learners.train import Train
from untrain.training.problem import Problem, problem
from untrain.training.steps import AdamW, Steps
from untrain.training.toy import effects_of, kept_of

ENCODER = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 4}
TINY = {
    "vit": {**ENCODER, "intermediate_size": 32, "hidden_dropout_prob": 0.1},
    "deit": {**ENCODER, "intermediate_size": 32, "architectures": ("DeiTForImageClassificationWithTeacher",)},
    "dinov2": {**ENCODER, "mlp_ratio": 2},
    "resnet": {"embedding_size": 8, "hidden_sizes": (8, 16), "depths": (1, 1), "layer_type": "basic"},
    "convnext": {"hidden_sizes": (8, 16), "depths": (1, 1), "patch_size": 2, "num_stages": 2},
    "swin": {"embed_dim": 8, "depths": (1, 1), "num_heads": (1, 2), "window_size": 2, "patch_size": 2},
}
SHAPE, CLASSES = (1, 8, 8), 3


def spec(kind, **more):
    """The architecture of a kind."""
    return HuggingFace(kind=kind, config={**TINY[kind], **more.pop("config", {})}, **more)


def built(made, shape=SHAPE, classes=CLASSES, seed=0):
    """A model of an architecture, from a seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return made.build(shape, classes)


def data(n=60):
    """Grey images of three patterns with noise, in [0, 1]."""
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(n) % CLASSES
    patterns = torch.rand(CLASSES, *SHAPE, generator=draw)
    x = (patterns[y] + 0.1 * torch.randn(n, *SHAPE, generator=draw)).clamp(0, 1)
    return Examples.labelled(x, y, np.arange(n), CLASSES)


@functools.lru_cache
def trained(kind) -> tuple[Train, torch.nn.Module, Problem]:
    """A learner, the model that it trained, which is not to be changed, and a request to forget eight of sixty examples."""
    learner = Train(model=spec(kind), steps=Steps(lr=0.01, epochs=25, batch=16, optimizer=AdamW()))
    model = learner(data(), 0)
    return learner, model, asked(learner, model, list(range(8)))


def asked(learner, model, rows) -> Problem:
    """The request to forget some rows of the sixty, with all that a method may need; its oracle is a network without training."""
    examples = data()
    kept = kept_of(model, examples, learner.task) | {"Checkpoint": {n: value.clone() for n, value in model.state_dict().items()}}
    oracle = learner.init(examples, 1).eval()
    sides = [take(examples, part) for part in (np.array(rows), np.setdiff1d(np.arange(len(examples)), rows))]
    aids = {"oracles": (oracle,), "effects": effects_of(model, oracle, Classification(classes=CLASSES), *sides)}
    return problem(examples, rows, learner, data(12), seed=1, origin=0, kept=kept, **aids)


def saved(model, folder):
    """The folder of a checkpoint, written by transformers itself."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    model.save_pretrained(folder)
    return str(folder)
