"""Questions of people to an assistant, some of them outside of its scope."""

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


class Clinc150(TextScenario):
    """23,700 requests to an assistant on 150 topics or on none of them: the class 'oos', out of scope.

    Of each thing there are 100 texts to train on, 20 to tune on and 30 to test on. Out of scope are 100, 100 and 1,000: whether a
    model that forgot still knows what it does not know shows in that class of the group table.

    Args:
        path: folder with clinc150.jsonl, .jsonl.gz or .jsonl.xz, or that file: one record per line with 'text', 'intent' and
            'split' ('train', 'val' or 'test', with 'oos_' before it where the text is out of scope).
        request: what is to be forgotten.
        noise: what is planted in the training labels.
        size: number of training examples, classes balanced; a tenth as many are to tune on and at most as many to test on. None
            takes all.
        vocabulary: largest number of tokens, learned from the training texts.
        model: the network.
        steps: how it is trained.

    Source: Larson et al. 2019, arXiv 1909.02027; out of scope as a class of its own is their 'oos-train'.
    """

    source: ClassVar[TextSetSource] = TextSetSource(
        name="clinc150", label="intent", train=("train", "oos_train"), valid=("val", "oos_val"), test=("test", "oos_test")
    )
    length: ClassVar[int] = 32

    path: str  # type: ignore[misc]
    request: Request = Random(fraction=0.1)
    noise: Noise | None = None
    size: Count | None = None
    vocabulary: Count = 2048
    model: Architecture = BagOfEmbeddings()
    steps: Steps = Steps(lr=0.01, epochs=12, batch=64, optimizer=AdamW())
