"""The role of a scenario: data, learner and request under a name; and those of the image sets and of the text sets."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, final

from untrain.core.spec import Spec
from untrain.data.augmentations.base import Augment
from untrain.data.noise.base import Noise
from untrain.data.readers.image_sets import ImageSetSource, Subset, load_image_set
from untrain.data.readers.text_sets import TextSetSource, TextSubset, load_texts
from untrain.data.requests.base import Request
from untrain.data.splits import Data
from untrain.models.architectures.base import Architecture
from untrain.models.tasks.textclassification import TextClassification
from untrain.training.base import Learner
from untrain.training.learners.train import Train
from untrain.training.steps import Steps


class Scenario(Spec, role=True):
    """Data, learner and request under a name; every scenario has the field ``request``: what to forget."""

    request: Request

    @abstractmethod
    def load(self) -> Data:
        """Train, valid and test examples, noise planted."""

    @abstractmethod
    def learner(self) -> Learner:
        """Trains the original and the oracles."""

    def made_elsewhere(self) -> Scenario:
        """The scenario by which models of somebody else were made: the same, unless it sets apart what they have learned from."""
        return self


class ImageScenario(Scenario, role=True):
    """A published set of images and a network trained on it from scratch.

    A set is a file that says its ``source`` and the fields below, with defaults of its own; one that needs more overrides
    ``image_set``, ``subset`` or ``network``.
    """

    closed: ClassVar[tuple[str, ...]] = ("__init__", "load", "learner")
    source: ClassVar[ImageSetSource]

    noise: Noise | None
    path: str
    size: int | None
    model: Architecture
    steps: Steps
    augment: tuple[Augment, ...]

    def image_set(self) -> ImageSetSource:
        """The source of the set: its ``source``, unless a field chooses among several."""
        return self.source

    def subset(self) -> Subset:
        """The part to take of the set, and where it lies."""
        return Subset(self.path, self.size)

    def network(self) -> Architecture:
        """The network to train: the ``model``, unless something stands before it."""
        return self.model

    @final
    def load(self) -> Data:
        """Train, valid and test, uint8; the id of an image is its row in the part that it is from."""
        return load_image_set(self.image_set(), self.subset(), self.noise)

    @final
    def learner(self) -> Learner:
        """Training from scratch."""
        return Train(model=self.network(), steps=self.steps, augment=self.augment)


class TextScenario(Scenario, role=True):
    """A published set of texts with one label each, and a network trained on its tokens from scratch.

    A set is a file that says its ``source``, the ``length`` in tokens at which texts are cut off, and the fields below, with
    defaults of its own.
    """

    closed: ClassVar[tuple[str, ...]] = ("__init__", "load", "learner")
    source: ClassVar[TextSetSource]
    length: ClassVar[int]

    path: str
    noise: Noise | None
    size: int | None
    vocabulary: int
    model: Architecture
    steps: Steps

    @final
    def load(self) -> Data:
        """Train, valid and test; the id of a text is its row in the part that it is from."""
        return load_texts(self.source, TextSubset(self.path, self.size, self.vocabulary, self.length), self.noise)

    @final
    def learner(self) -> Learner:
        """Training from scratch."""
        return Train(model=self.model, steps=self.steps, task=TextClassification(length=self.length, vocabulary=self.vocabulary))
