"""Tasks in which a model chooses one of several classes."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from untrain.core.errors import ModelError
from untrain.data.examples import Batch, Examples
from untrain.maths import logits as derived
from untrain.maths.forget_losses import divergence_from
from untrain.models.heads import head_of
from untrain.models.tasks.base import Array, Signal, Success, Task

SIGNALS = {"correct": derived.correct, "confidence": derived.confidences, "margin": derived.margins, "loss": derived.losses}


class Choice(Task, role=True):
    """One label per example: cross-entropy on logits (b, c)."""

    outputs: ClassVar[tuple[str, ...]] = ("logits",)
    outputs_need_targets: ClassVar[bool] = False
    signals: ClassVar[frozenset[str]] = frozenset({*SIGNALS, "classes"})
    success: ClassVar[Success] = Success("correct", "accuracy", "An example is right where its label is the likeliest class.")
    about_margin: ClassVar[str] = (
        "Certainty, the margin, is the log-odds that a model gives the label; above 0 it is likelier than all others together."
    )
    classes: int | None
    head_names: tuple[str, ...]

    @abstractmethod
    def resolve(self, examples: Examples) -> Self:
        """The task with its number of classes."""

    def outputs_needed(self, examples: Examples) -> int:
        """The number of classes: one output each.

        Raises:
            ModelError: targets do not number classes.
        """
        self._check_targets(examples)
        return examples.classes if self.classes is None else self.classes

    def check_examples(self, examples: Examples) -> None:
        """Check that targets, where they are known, number classes.

        Raises:
            ModelError: they are numbers of another kind, or an input field is missing.
        """
        super().check_examples(examples)
        self._check_targets(examples)

    def _check_targets(self, examples: Examples) -> None:
        target = self.fields[-1]
        if target in examples.fields and examples.fields[target].dtype.is_floating_point:
            raise ModelError(
                f"{type(self).__name__} needs targets that number classes, and those of the examples are "
                f"{str(examples.fields[target].dtype).removeprefix('torch.')}: give the learner another task, such as Regression()"
            )

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy in nats, (b,)."""
        return F.cross_entropy(outputs, batch.y, reduction="none")

    def logits(self, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """The logits, (b, 1, c), of the one place of each example."""
        return outputs[:, None], torch.ones(len(outputs), 1, dtype=torch.bool, device=outputs.device)

    def place_targets(self, batch: Batch) -> Tensor:
        """The labels, (b, 1)."""
        return batch.y[:, None]

    def smoothed_loss_of(self, outputs: Tensor, batch: Batch, smoothing: float) -> Tensor:
        """Cross-entropy against labels mixed with the uniform distribution, in nats, (b,)."""
        return F.cross_entropy(outputs, batch.y, reduction="none", label_smoothing=smoothing)

    def store(self, outputs: Tensor, batch: Batch) -> Mapping[str, Tensor]:
        """The logits, (b, c)."""
        return {"logits": outputs}

    def signal(self, outputs: Mapping[str, Array], targets: Array, name: Signal) -> Array:
        """From logits (m, n, c) and labels (n,)."""
        return SIGNALS[name](outputs["logits"], targets)

    def divergence(self, student: Tensor, teacher: Tensor, batch: Batch, temperature: float = 1.0) -> Tensor:
        """``temperature ** 2 * KL(teacher || student)`` of each example in nats, (b,).

        Source: Hinton, Vinyals and Dean 2015, arXiv 1503.02531, section 2.1.
        """
        return temperature**2 * divergence_from(teacher / temperature, student / temperature)

    def fisher_terms(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities of all classes and, as weights, their probabilities, (c,) each."""
        logp = outputs.log_softmax(1)[0]
        return logp, logp.detach().exp()

    def guess(self, examples: Examples) -> float:
        """The logarithm of the number of classes."""
        return math.log(max(examples.classes, 2))

    def random_targets(self, targets: Tensor) -> Tensor:
        """Labels uniform over all classes."""
        return torch.randint(self._count(), targets.shape).to(targets.device)

    def head(self, model: nn.Module) -> tuple[str, ...]:
        """Names of the head's parameters: those named here or by the model, or of the last layer with an output per class."""
        return head_of(model, 0 if self.head_names or getattr(model, "head_names", ()) else self._count(), self.head_names)

    def _count(self) -> int:
        if self.classes is None:
            raise ModelError(f"{self!r} does not know the number of classes: give it, as in classes=10, or resolve it on the data")
        return self.classes

    def check_outputs(self, name: str, outputs: Tensor, examples: Examples) -> None:
        """Check that there is a logit per class."""
        classes = self.outputs_needed(examples)
        if outputs.ndim != 2 or outputs.shape[1] < classes:
            raise ModelError(f"{name} gives outputs of shape {tuple(outputs.shape)}; {classes} classes need (batch, {classes})")


def logits_of(model: nn.Module, out: Any) -> Tensor:
    """The logits in what a model returned: a tensor, or a record with one under ``logits``; half precision becomes float32.

    Raises:
        ModelError: there is neither.
    """
    logits = out if isinstance(out, Tensor) else getattr(out, "logits", None)
    if not isinstance(logits, Tensor):
        kind = f"{type(model).__name__} returns a {type(out).__name__}"
        raise ModelError(f"{kind}; a tensor (batch, classes), or a record with one under `logits`, is needed")
    # Losses and outputs are of full precision also where autocast computes the layers in half.
    return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
