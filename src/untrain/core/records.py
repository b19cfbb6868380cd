"""Records: what passes from one part to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from torch import Tensor, nn

from untrain.core.errors import DataError, RequestError
from untrain.core.prints import fingerprint
from untrain.data import batching
from untrain.data.examples import Batch as Batch
from untrain.data.examples import Examples as Examples
from untrain.data.examples import batch_of as batch_of
from untrain.data.examples import take as take
from untrain.data.examples import to_device as to_device
from untrain.data.examples import walk
from untrain.training.steps import Steps, epochs_of

if TYPE_CHECKING:
    from untrain.core.roles import Learner

Head = Literal["full", "masked", "frozen"]
SIDES = ("forget", "retain", "test")


@dataclass(frozen=True, eq=False)
class Data:
    """What a scenario loads: ``train`` to learn from, ``valid`` (disjoint) to tune on, ``test`` to report."""

    train: Examples
    valid: Examples
    test: Examples


class Task(Protocol):
    """How a model is asked; alone in knowing what a batch holds."""

    def logits(self, model: nn.Module, batch: Batch) -> Tensor:
        """Answers of the model, (b, c)."""

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Loss of each example in nats, (b,), each >= 0."""

    def head(self, model: nn.Module, classes: int) -> tuple[str, ...]:
        """Names of the parameters of the classifier head, which answers for ``classes`` classes."""


@dataclass(frozen=True, eq=False)
class Mask:
    """Which weights may move, and for whose forgetting that was decided.

    Args:
        bits: parameter name -> bool tensor of the parameter's shape.
        digest: fingerprint of the forget set it was made for.
    """

    bits: Mapping[str, Tensor]
    digest: str


@dataclass(frozen=True)
class ForgetRequest:
    """What to forget: ``rows`` of the training data, the ``ids`` they bear and the fingerprint of both."""

    rows: tuple[int, ...]
    ids: tuple[Any, ...]
    digest: str


@dataclass(frozen=True, eq=False)
class Problem:
    """All that an unlearner may see; neither the test set nor an oracle is in it.

    Args:
        task: how the model is asked.
        forget: examples to forget.
        retain: the rest of the training data.
        valid: held-out examples to tune on, where there are any.
        init: seed -> a freshly initialised model of the same shape.
        recipe: the learner that made the model; what ``Retrain`` repeats.
        mask: what may move; None lets all move. While a method runs it includes the head.
        located: the localizer's own mask, without the head; what a reset touches. Formed by the role.
        head: whether the classifier head may move 'full', where 'masked' only, or stays 'frozen'.
        digest: fingerprint of the forget ids; a mask made for others is refused.
        seed: of every draw that a method makes.
        origin: seed of the model's own initialisation, where known.
    """

    task: Task
    forget: Examples
    retain: Examples
    valid: Examples | None = None
    init: Callable[[int], nn.Module] | None = None
    recipe: Learner | None = None
    mask: Mask | None = None
    located: Mask | None = None
    head: Head = "full"
    digest: str = ""
    seed: int = 0
    origin: int | None = None

    def __post_init__(self) -> None:
        if len(self.forget) == 0:
            raise RequestError("the forget set is empty: name at least one example")
        if len(self.retain) == 0:
            raise RequestError("nothing would be left: the forget set is the whole training set")
        kinds = [(tuple(e.x.shape[1:]), e.x.dtype, e.classes) for e in (self.forget, self.retain)]
        if kinds[0] != kinds[1]:
            raise DataError(f"forget and retain examples differ in (shape, type, classes): {kinds[0]} and {kinds[1]}")
        for name in ("forget", "retain", "valid"):
            # True labels and other columns are for requests and reports: no unlearner may see them.
            part = getattr(self, name)
            if part is not None:
                object.__setattr__(self, name, replace(part, true=None, columns={}))
        if not self.digest:
            object.__setattr__(self, "digest", fingerprint(self.forget.ids, self.forget.x))

    def epochs(self, steps: Steps) -> int:
        """Number of epochs that ``steps`` asks for; a share is one of the recipe's."""
        return epochs_of(steps, getattr(self.recipe, "steps", None))

    def retains(self, steps: Steps, full: bool = False) -> Plan:
        """Each epoch once through the retain set, in a new order: batches ``(retain,)``.

        Args:
            steps: length and size of batches.
            full: whether the last batch of an epoch is left out where it is not full.

        Raises:
            RequestError: full batches are asked for, and there is none.
        """
        if not full:
            return self._plan(
                steps, lambda rng: ((b,) for b in self._pass(self.retain, steps, rng)), self._count(steps, self.retain)
            )
        count = len(self.retain) // steps.batch
        if not count and self.epochs(steps):
            raise RequestError(f"{len(self.retain)} examples are left and a full batch has {steps.batch}: take smaller batches")

        def draw(rng: np.random.Generator) -> Iterator[tuple[Batch | None, ...]]:
            # A single left-over example has joined the last batch.
            for x, y in islice(self._pass(self.retain, steps, rng), count):
                yield (Batch(x[: steps.batch], y[: steps.batch]),)

        return self._plan(steps, draw, count)

    def forgets(self, steps: Steps) -> Plan:
        """Each epoch once through the forget set, in a new order: batches ``(forget,)``."""
        return self._plan(steps, lambda rng: ((b,) for b in self._pass(self.forget, steps, rng)), self._count(steps, self.forget))

    def pairs(self, steps: Steps) -> Plan:
        """Each epoch once through the retain set, beside it the forget set, reshuffled: ``(retain, forget)``."""

        def draw(rng: np.random.Generator) -> Iterator[tuple[Batch | None, ...]]:
            forgets = self._pass(self.forget, steps, rng)
            for retain in self._pass(self.retain, steps, rng):
                forget = next(forgets, None)
                if forget is None:
                    forgets = self._pass(self.forget, steps, rng)
                    forget = next(forgets)
                yield retain, forget

        return self._plan(steps, draw, self._count(steps, self.retain))

    def turns(self, steps: Steps) -> Plan:
        """Each epoch the forget set, then the retain set: ``(None, forget)`` and ``(retain, None)``."""

        def draw(rng: np.random.Generator) -> Iterator[tuple[Batch | None, ...]]:
            for forget in self._pass(self.forget, steps, rng):
                yield None, forget
            for retain in self._pass(self.retain, steps, rng):
                yield retain, None

        return self._plan(steps, draw, self._count(steps, self.forget, self.retain))

    def _pass(self, examples: Examples, steps: Steps, rng: np.random.Generator) -> Iterator[Batch]:
        # Not before the first batch is asked for: who draws first is part of a method.
        yield from walk(examples, steps.batch, rng, getattr(self.recipe, "augment", ()))

    @staticmethod
    def _count(steps: Steps, *walked: Examples) -> int:
        return sum(batching.count(len(e), steps.batch) for e in walked)

    def _plan(self, steps: Steps, draw: Callable[[np.random.Generator], Iterator[tuple[Batch | None, ...]]], length: int) -> Plan:
        epochs = self.epochs(steps)
        return Plan(epochs, lambda epoch: draw(np.random.default_rng((self.seed, epoch))), self.retain, self.task, length)


@dataclass(frozen=True, eq=False)
class Plan:
    """What a gradient loop walks through: ``draw`` gives the batches of each of ``length`` steps of an epoch.

    Batch statistics are re-estimated on ``retain``, as ``task`` asks. A length of 0 is not known.
    """

    epochs: int
    draw: Callable[[int], Iterator[tuple[Batch | None, ...]]]
    retain: Examples
    task: Task
    length: int = 0


@dataclass(frozen=True)
class Cost:
    """What a piece of work took.

    Args:
        seconds: wall-clock time.
        forward: examples that went forward through a model, those of a backward pass included.
        backward: examples that went backward.
        flops: floating-point operations as torch's own counter counts them.
        peak: peak bytes since the work began: of the whole process on a CPU, of torch's allocator on a GPU.
    """

    seconds: float = 0.0
    forward: int = 0
    backward: int = 0
    flops: int = 0
    peak: int = 0


@dataclass(frozen=True)
class Guard:
    """What a run did to the weights.

    Args:
        moved_share: share of all parameters that changed.
        moved_norm: Euclidean length of the change of all parameters.
        outside_mask_max: largest change of a parameter that was not to move; 0 unless a promise was broken.
        may_move: share of all parameters that were free to move: the mask and, where it is trained, the head.
        mask_share: share of all parameters in the localizer's own mask.
        buffer_drift: Euclidean length of the change of batch-norm statistics.
    """

    moved_share: float
    moved_norm: float
    outside_mask_max: float
    may_move: float
    mask_share: float
    buffer_drift: float


@dataclass(frozen=True, eq=False)
class Outcome:
    """A model that forgot, with what watched over it: guard, cost, the localizer's mask where there was one, and notes."""

    model: nn.Module
    guard: Guard
    cost: Cost
    mask: Mask | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Observation:
    """What m models answered on n examples.

    ``logits`` are float32 (m, n, c) and may be memory-mapped; ``labels`` (n,) are those given, ``true`` (n,) those before
    noise; ``side`` (n,) is 'forget', 'retain' or 'test'. ``observed`` is what observers found of the models, by the
    observer's spelling, (m, ...).
    """

    logits: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]
    true: np.ndarray[Any, Any]
    side: np.ndarray[Any, Any]
    ids: np.ndarray[Any, Any]
    observed: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Trial:
    """The populations that an evaluator compares: each an Observation on the same examples."""

    original: Observation
    unlearned: Observation
    oracle: Observation
