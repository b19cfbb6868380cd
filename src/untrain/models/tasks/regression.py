"""Regression: one number per example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError, SpecError
from untrain.core.fields import Positive
from untrain.core.metering import add_note
from untrain.data.examples import Batch, Examples
from untrain.maths import gaussian
from untrain.models.heads import head_of
from untrain.models.tasks.base import Array, Signal, Success, Task

SIGNALS = {"loss": gaussian.losses, "margin": gaussian.log_likelihoods, "likelihood": gaussian.relative_likelihoods}


class Regression(Task):
    """Squared loss: the target is the prediction plus Gaussian noise of a known scale.

    A number is never right or wrong, and a density is not a probability: there is neither 'correct' nor 'confidence', and
    scores that need them give that as their reason. Memorization and searches take 'likelihood' instead, which is
    ``exp(-loss)``: the density of the target over that of a prediction that meets it, in [0, 1]. The margin is the
    log-likelihood of the target. Over models it is not normal as a classifier's is (a squared deviation is chi-squared where
    the residual is small), so attacks that fit Gaussians to margins lose power; none of them gains false alarms, as they
    compare unlearned models with oracles.

    >>> Regression().loss_of(torch.tensor([1.0]), Batch.labelled(torch.zeros(1, 3), torch.tensor([3.0])))
    tensor([2.])

    Args:
        scale: standard deviation of the noise, in the unit of the targets; it sets how many nats a residual costs.
        head_names: names of the parameters of the last layer; empty takes the model's own ``head_names``, or finds the last
            declared linear layer with one output.

    Source: maximum likelihood under Gaussian noise; Bishop 2006, Pattern Recognition and Machine Learning, section 3.1.1.
    Departs: the constant ``log scale + log(2 pi) / 2`` is left out of the loss, so that it is 0 at the target and never less.
    """

    scale: Positive = 1.0
    head_names: tuple[str, ...] = ()

    outputs: ClassVar[tuple[str, ...]] = ("prediction",)
    outputs_need_targets: ClassVar[bool] = False
    signals: ClassVar[frozenset[str]] = frozenset(SIGNALS)
    success: ClassVar[Success] = Success(
        "likelihood",
        "likelihood of targets",
        "The likelihood of a target is exp(-loss): 1 where the prediction meets it, and 0.61 where it is off by one scale.",
    )
    about_margin: ClassVar[str] = (
        "Certainty, the margin, is the target's log-likelihood, in nats: the larger, the nearer; it ends where they meet."
    )

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Predictions, (b,); a model may return (b, 1)."""
        out = model(self.inputs(batch))
        if not isinstance(out, Tensor):
            raise ModelError(f"{type(model).__name__} returns a {type(out).__name__}; a tensor (batch,) or (batch, 1) is needed")
        out = out.squeeze(1) if out.ndim == 2 and out.shape[1] == 1 else out
        # Losses are of full precision also where autocast computes the layers in half.
        return out.float() if out.dtype in (torch.bfloat16, torch.float16) else out

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """``0.5 * ((y - f) / scale) ** 2`` in nats, (b,)."""
        return 0.5 * ((batch.y.to(outputs.dtype) - outputs) / self.scale) ** 2

    def store(self, outputs: Tensor, batch: Batch) -> Mapping[str, Tensor]:
        """The predictions, (b,)."""
        return {"prediction": outputs}

    def signal(self, outputs: Mapping[str, Array], targets: Array, name: Signal) -> Array:
        """From predictions (m, n) and targets (n,).

        Raises:
            SpecError: it is none of 'loss', 'margin' and 'likelihood'.
        """
        if name not in SIGNALS:
            raise SpecError(f"Regression gives no {name}; it gives {', '.join(sorted(SIGNALS))}")
        return SIGNALS[name](outputs["prediction"], targets, self.scale)

    def divergence(self, student: Tensor, teacher: Tensor, batch: Batch, temperature: float = 1.0) -> Tensor:
        """``KL(N(teacher, scale^2) || N(student, scale^2)) = 0.5 * ((student - teacher) / scale) ** 2`` in nats, (b,).

        Outputs that are divided by a temperature have a divergence that is smaller by its square, by which the
        definition multiplies: it cancels, at any temperature.
        """
        return 0.5 * ((student - teacher) / self.scale) ** 2

    def fisher_terms(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """The prediction in units of the scale, (1,), with weight 1: of ``N(f, scale^2)`` it is ``(df / scale)^2``."""
        return outputs / self.scale, torch.ones_like(outputs)

    def guess(self, examples: Examples) -> float:
        """Half the variance of the targets in units of the scale: what their mean costs.

        It is at least 0.5, what the noise alone costs on average: targets that are few or alike say little of their spread.
        """
        return max(0.5, float(0.5 * examples.y[:].double().var(unbiased=False) / self.scale**2))

    def random_targets(self, targets: Tensor) -> Tensor:
        """The targets given, in random order.

        What is shuffled is the tie between inputs and targets and nothing else: their distribution, which a model
        retrained without these examples knows as well, stays what it is. Of one target there is no other order, so it stays.
        """
        if len(targets) == 1:
            add_note("a batch of one example keeps its target, as there is no other to exchange it with")
        return targets[torch.randperm(len(targets)).to(targets.device)]

    def outputs_needed(self, examples: Examples) -> int:
        """One output."""
        return 1

    def head(self, model: nn.Module) -> tuple[str, ...]:
        """Names of the parameters of the last layer: those named here or by the model, or found by its one output."""
        return head_of(model, 1, self.head_names)

    def check_outputs(self, name: str, outputs: Tensor, examples: Examples) -> None:
        """Check that there is one number per example."""
        if outputs.ndim != 1:
            raise ModelError(f"{name} gives outputs of shape {tuple(outputs.shape)}; regression needs one number each, (batch, 1)")

    def check_examples(self, examples: Examples) -> None:
        """Check that targets are real numbers, one per example; they may be hidden.

        Raises:
            ModelError: they are classes, whole numbers, or several per example.
        """
        super().check_examples(examples)
        if len(examples.fields) < 2:
            return
        y = examples.y
        if examples.categories or not y.dtype.is_floating_point or len(y.shape) != 1:
            kind = f"{len(examples.categories)} classes" if examples.categories else f"{y.dtype} of shape {tuple(y.shape)}"
            raise ModelError(f"regression needs one real number per example, and these targets are {kind}: take Classification()")
