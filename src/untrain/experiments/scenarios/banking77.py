"""Questions to a bank, by what they are about."""

from __future__ import annotations

from typing import ClassVar

from untrain.core.fields import Count
from untrain.data.noise.base import Noise
from untrain.data.readers.text_sets import TextSetSource
from untrain.data.requests.base import Request
from untrain.data.requests.random import Random
from untrain.experiments.scenarios.base import TextScenario
from untrain.models.architectures.bagofembeddings import BagOfEmbeddings
from untrain.models.architectures.base import Architecture
from untrain.training.steps import AdamW, Steps


class Banking77(TextScenario):
    """13,083 customer questions to a bank on 77 topics, 3,080 of them for testing.

    Args:
        path: folder with banking77.jsonl, .jsonl.gz or .jsonl.xz, or that file: one record per line with 'text', 'intent' and
            'split' ('train' or 'test').
        request: what is to be forgotten.
        noise: what is planted in the training labels.
        size: number of training examples, classes balanced; a tenth as many more are to tune on and at most as many to
            test on. None takes all, a tenth of them to tune on.
        vocabulary: largest number of tokens, learned from the training texts.
        model: the network.
        steps: how it is trained.

    Source: Casanueva et al. 2020, arXiv 2003.04807.
    """

    source: ClassVar[TextSetSource] = TextSetSource(name="banking77", label="intent")
    length: ClassVar[int] = 64

    path: str  # type: ignore[misc]
    request: Request = Random(fraction=0.1)
    noise: Noise | None = None
    size: Count | None = None
    vocabulary: Count = 2048
    model: Architecture = BagOfEmbeddings()
    steps: Steps = Steps(lr=0.01, epochs=12, batch=64, optimizer=AdamW())
