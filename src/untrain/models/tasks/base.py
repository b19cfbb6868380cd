"""The role of a task: the fields of a batch, the forward pass and the loss."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final, get_args

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError, SpecError
from untrain.core.spec import Spec
from untrain.data.examples import Batch, Examples, unit_scaled

Array = np.ndarray[Any, Any]
Signal = Literal["loss", "margin", "correct", "confidence", "likelihood"]
SIGNALS = frozenset({*get_args(Signal), "classes"})
# What a method may need of a task beside signals: its name among the needs, and the task's method that gives it.
ABILITIES = {"random_targets": "random_targets", "divergence": "divergence", "fisher": "fisher_terms", "logits": "logits"}


@dataclass(frozen=True)
class Success:
    """A task's criterion for getting an example right, wholly or in part.

    Args:
        signal: a signal in [0, 1].
        mean: its mean over examples, as a noun, such as 'accuracy'.
        about: a sentence on it.
    """

    signal: Signal
    mean: str
    about: str


def success_of(task: Task) -> Success:
    """The success criterion of a task.

    Raises:
        ModelError: it does not say.
    """
    if task.success is None:
        raise ModelError(
            f"{type(task).__name__} does not say what counts as success, by which memorization is measured and a search judges: "
            "give the class one, such as success = Success('correct', 'accuracy', 'An answer is right or wrong.')"
        )
    return task.success


class Task(Spec, role=True):
    """Defines the fields of a batch, the outputs of a model and its loss; nothing else in the package knows these.

    ``fields`` are the columns that its examples have, inputs first and targets last. ``outputs`` are the arrays that are
    stored per example; ``signals`` are what can be derived without a model from those in ``signals_from``, or from all where it is
    empty, and ``'classes'`` where targets are classes. ``success`` is the one of them by which memorization is measured and a
    search judges. ``about_margin`` says in a sentence what a report shows as certainty. Where ``outputs_need_targets`` is False,
    as of logits, ``store`` is given no targets, and a model stays what it is in the store when a label of a test example changes.
    A model runs on ``asked_at_once`` examples at a time, fewer where outputs are large.
    """

    fields: ClassVar[tuple[str, ...]] = ("x", "y")
    outputs: ClassVar[tuple[str, ...]] = ()
    outputs_need_targets: ClassVar[bool] = True
    asked_at_once: ClassVar[int] = 512
    signals: ClassVar[frozenset[str]] = frozenset()
    signals_from: ClassVar[tuple[str, ...]] = ()
    success: ClassVar[Success | None] = None
    about_margin: ClassVar[str] = "Certainty of the target, its margin: the larger, the surer a model is."

    @property
    def abilities(self) -> frozenset[str]:
        """Those of ``ABILITIES`` that the task has: whose methods it defines."""
        return frozenset(name for name, method in ABILITIES.items() if getattr(type(self), method) is not getattr(Task, method))

    @abstractmethod
    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Outputs of a model on a batch, such as logits (b, c) or (b, t, v)."""

    @abstractmethod
    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Loss of each example in nats, (b,), each >= 0, from outputs of ``forward``."""

    @abstractmethod
    def store(self, outputs: Tensor, batch: Batch) -> Mapping[str, Tensor]:
        """The arrays that are stored per example, (b, ...), by the names of ``outputs``."""

    @abstractmethod
    def signal(self, outputs: Mapping[str, Array], targets: Array, name: Signal) -> Array:
        """A number per example, (m, n), from stored outputs (m, n, ...) and targets (n, ...).

        Args:
            outputs: of m models on n examples, by name.
            targets: of the examples, (n, ...).
            name: 'loss' in nats, 'margin' (larger for more certainty; roughly normal over models), 'correct' (0 or 1),
                'confidence' (probability of the target) or 'likelihood' (density of the target over the largest it can have).

        Raises:
            SpecError: the task does not give it.
        """

    @abstractmethod
    def outputs_needed(self, examples: Examples) -> int:
        """Number of outputs that a model needs for such examples."""

    @abstractmethod
    def head(self, model: nn.Module) -> tuple[str, ...]:
        """Names of the parameters of the last layer.

        Raises:
            ModelError: there is no such layer.
        """

    @final
    def asked(self, examples: Examples) -> Examples:
        """The examples with the fields that outputs are computed of, and no more: without targets where those take no part."""
        return examples if self.outputs_need_targets else examples.without_targets()

    def inputs(self, batch: Batch) -> Tensor:
        """Inputs of a model from a batch, (b, ...): the first field, uint8 images scaled to [0, 1].

        Whatever feeds a model without ``forward``, such as a learner of streams, shows it this, so that it learns on what
        it later sees.
        """
        return unit_scaled(batch.x)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Loss of each example in nats, (b,), each >= 0."""
        return self.loss_of(self.forward(model, batch), batch)

    def place_losses(self, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Loss at each place of each example in nats, and which places are scored, bool, both (b, t).

        An example has one place, but where it is a row of tokens. ``loss_of`` is the mean over the scored ones.
        """
        losses = self.loss_of(outputs, batch)[:, None]
        return losses, torch.ones_like(losses, dtype=torch.bool)

    def logits(self, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits at each place, (b, t, v), and which are scored, bool (b, t); where labels are hidden, all but padding.

        Raises:
            SpecError: outputs of this task are not logits.
        """
        raise SpecError(f"{type(self).__name__} has no logits: take a method that does without")

    def place_targets(self, batch: Batch) -> Tensor:
        """The index of the logit that is the target at each place, int64 (b, t), of a task that has them.

        Raises:
            SpecError: outputs of this task are not logits.
        """
        raise SpecError(f"{type(self).__name__} has no logits: take a method that does without")

    def smoothed_loss_of(self, outputs: Tensor, batch: Batch, smoothing: float) -> Tensor:
        """Loss of each example under smoothed labels, (b,): ``(1 - s) * L(label) + s * mean over classes of L(class)``.

        Raises:
            SpecError: the task has no labels to smooth.
        """
        raise SpecError(f"{type(self).__name__} has no labels to smooth: take Steps(smoothing=0)")

    def resolve(self, examples: Examples) -> Task:
        """Fill in the settings that come from the data, such as the number of classes; from all training data, once."""
        return self

    def divergence(self, student: Tensor, teacher: Tensor, batch: Batch, temperature: float = 1.0) -> Tensor:
        """``temperature ** 2 * KL(teacher || student)`` of each example in nats, (b,), from outputs of ``forward``.

        Raises:
            SpecError: outputs of this task are not distributions.
        """
        raise SpecError(f"{type(self).__name__} has no divergence between outputs: take a method that does not compare models")

    def fisher_terms(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Values and weights, (k,) each, whose weighted squared gradients add up to the Fisher information of one example.

        Args:
            outputs: of ``forward`` on one example, (1, ...).

        Raises:
            SpecError: outputs of this task are not distributions.
        """
        raise SpecError(f"{type(self).__name__} has no Fisher information of its outputs: take a method that does without")

    def guess(self, examples: Examples) -> float:
        """Mean loss in nats of a guess without the inputs; NaN where the task does not define one."""
        return float("nan")

    def random_targets(self, targets: Tensor) -> Tensor:
        """As many targets, drawn at random by torch's global generator.

        Raises:
            SpecError: the task does not define random targets.
        """
        raise SpecError(f"{type(self).__name__} has no random targets: take a method that does not relabel")

    def input_shape(self, examples: Examples) -> tuple[int, ...]:
        """Shape of one input."""
        return tuple(examples.x.shape[1:])

    def show(self, examples: Examples) -> Array:
        """Display of each example in a report, (n, ...): pixels or other numbers, or texts (n,); the inputs by default.

        The store saves it with a run, so that a page can be made again without the data.
        """
        return np.asarray(examples.x[:].cpu().numpy())

    def check_outputs(self, name: str, outputs: Tensor, examples: Examples) -> None:
        """Check the outputs of a model, called ``name`` in messages, on one example.

        Raises:
            ModelError: they are not of the shape that the task needs.
        """

    def check_examples(self, examples: Examples) -> None:
        """Check that examples have the input fields of the task; targets may be hidden.

        Raises:
            ModelError: one is missing.
        """
        missing = [name for name in self.fields[:-1] if name not in examples.fields]
        if missing:
            raise ModelError(f"{type(self).__name__} needs the fields {self.fields}; the examples have {tuple(examples.fields)}")
