"""Questions to a bank, by what they are about."""

from __future__ import annotations

from untrain.core.fields import Count
from untrain.data.noise.base import Noise
from untrain.data.readers.text_sets import TextSetSource, TextSubset, load_texts
from untrain.data.requests.base import Request
from untrain.data.requests.random import Random
from untrain.data.splits import Data
from untrain.experiments.scenarios.base import Scenario
from untrain.models.architectures.bagofembeddings import BagOfEmbeddings
from untrain.models.architectures.base import Architecture
from untrain.models.tasks.textclassification import TextClassification
from untrain.training.base import Learner
from untrain.training.learners.train import Train
from untrain.training.steps import AdamW, Steps

SOURCE = TextSetSource(name="banking77", label="intent")
LENGTH = 64


class Banking77(Scenario):
    """13,083 questions that customers ask a bank, about one of 77 things each, 3,080 of them to test on.

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

    path: str  # type: ignore[misc]
    request: Request = Random(fraction=0.1)
    noise: Noise | None = None
    size: Count | None = None
    vocabulary: Count = 2048
    model: Architecture = BagOfEmbeddings()
    steps: Steps = Steps(lr=0.01, epochs=12, batch=64, optimizer=AdamW())

    def load(self) -> Data:
        """Train, valid and test; the id of a text is its row in the part that it is from."""
        return load_texts(SOURCE, TextSubset(self.path, self.size, self.vocabulary, LENGTH), self.noise)

    def learner(self) -> Learner:
        """Training from scratch."""
        return Train(model=self.model, steps=self.steps, task=TextClassification(length=LENGTH, vocabulary=self.vocabulary))

    def asked(self) -> Request:
        """The request."""
        return self.request
