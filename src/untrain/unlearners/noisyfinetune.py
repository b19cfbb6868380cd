"""Finetuning whose steps are clipped and noisy, so that what weights they began with is hidden."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from untrain.core.errors import SpecError
from untrain.core.fields import Count, NonNegative, Positive
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.data.fingerprint import array_digest
from untrain.maths.descent_bounds import clipped_models, noisy_descents
from untrain.maths.gaussian_mechanism import noise_multiplier
from untrain.models.state import same
from untrain.training.batch_norm import norms, tracking
from untrain.training.descend import descend
from untrain.training.gradients import Grads, Params, put
from untrain.training.problem import Problem
from untrain.training.secret_draws import generator
from untrain.training.steered_gradients import gradients_of, steerable, steered
from untrain.training.steps import SGD, Constant, Steps
from untrain.unlearners._convex_release import INPUTS
from untrain.unlearners.base import Unlearner
from untrain.unlearners.guarantee import Certificate, Guarantee, Release

PROVIDED = (
    "the method's fields were set without looking at the data",
    INPUTS,
    "the model before this request was shown to nobody: it is what the noise hides",
    "of what was ever to be removed nothing is among what stays, and no other release began with the same model",
    "the seed of the noise stays secret",
    "arithmetic is exact: rounding is not covered",
)


class NoisyFinetune(Unlearner):
    """Continue training on the retain set by clipped steps with noise, then optionally by plain ones.

    Whatever model the noisy steps begin with, it is hidden: the result is (epsilon, delta)-indistinguishable from that of the same
    steps from a model retrained without the forget set. Nothing is assumed of the loss, so it holds for any network. With
    ``clip='model'`` weights are clipped to ``radius`` before the noise of each step, and the delta that the noise of a step leaves
    is a product over the steps, so that it falls with their number. With 'gradient' the first weights are clipped to ``radius`` and
    the gradient of each batch to ``slope``; the noise is as large as two descents may be apart. Plain steps read only what stays,
    and cost nothing. Later requests do not add up either: they are steps on data that no longer have the example.

    Batch-norm buffers are re-estimated on the retain set before plain steps. What does not move is not hidden: with frozen
    weights or other buffers that are not as in a fresh model, or a mask, nothing is certified. Noise of this size erases
    what a large network knows; it is found again by the plain steps.

    >>> import untrain as ut
    >>> data = ut.Digits().load().train
    >>> learner = ut.Train(model=ut.MLP(width=8), steps=ut.Steps(epochs=2))
    >>> outcome = NoisyFinetune(epochs=1).run(learner(data), ut.problem(data, data.ids[:9].tolist(), learner, seed=2**60 + 1))
    >>> outcome.certificate.guarantee
    Guarantee(epsilon=1.0, delta=1e-05, total=1.0)

    Args:
        epsilon: nats.
        delta: of the guarantee.
        clip: what each step clips: the weights after it, or its gradient.
        radius: to which weights are clipped, all together: after each step, or at the start.
        slope: to which a gradient is clipped, with ``clip='gradient'``.
        lr: step size.
        decay: of weights, in each step.
        epochs: noisy passes through what stays.
        batch: examples per step.
        after: plain steps.

    Source: Koloskova et al. 2025, arXiv 2506.06985, both theorems; code stair-lab/certified-unlearning-neural-networks-icml-2025.
    Departs: noise is the least that the proofs give, and not rounded up by constants: for gradients as a trade-off of errors, for
        models by the exact contraction of a Gaussian step; the first weights have no noise of their own with ``clip='model'``.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"retain", "labels"})

    epsilon: Annotated[Positive, SearchHint(0.1, 10, log=True, asked=True)] = 1.0
    delta: Annotated[float, Field(gt=0, lt=1), SearchHint(1e-8, 1e-2, log=True, asked=True)] = 1e-5
    clip: Literal["model", "gradient"] = "model"
    radius: Annotated[Positive, SearchHint(0.01, 100, log=True)] = 1.0
    slope: Annotated[Positive, SearchHint(0.01, 100, log=True)] = 1.0
    lr: Annotated[Positive, SearchHint(1e-4, 1.0, log=True)] = 0.01
    decay: Annotated[NonNegative, SearchHint(1e-4, 10, log=True, asked=True)] = 0.0
    epochs: Annotated[Count, SearchHint(1, 100, log=True)] = 5
    batch: Annotated[Count, SearchHint(16, 512, log=True)] = 128
    after: Steps = Steps(lr=0.015, epochs="30%")

    def unlearn(self, model: nn.Module, problem: Problem) -> Release:
        """The release.

        Raises:
            SpecError: a step with its decay turns weights round.
        """
        params = steerable(model, problem.trainable, "NoisyFinetune")
        steps = Steps(
            lr=self.lr, epochs=self.epochs, batch=self.batch, optimizer=SGD(momentum=0.0), schedule=Constant(), buffers="reestimate"
        )
        plan = problem.retain_batches(steps)
        count = plan.epochs * plan.length
        std, bound = self._noise(count)
        begins = array_digest(*(p.detach().double().cpu() for p in params.values()))
        draw = generator(problem.seed, repr(self), problem.digest, begins, repr((std, count)))
        if self.clip == "gradient":
            start = clipped([p.detach() for p in params.values()], self.radius)
            put(model, dict(zip(params, start, strict=True)), problem.trainable)
        fails, taken = self._fails(model, problem), 0

        def loss(retain: Batch) -> Tensor:
            nonlocal taken
            taken += 1
            value, grads = gradients_of(model, lambda: problem.task.loss(model, retain).mean(), params, problem.trainable)
            noise = [std * torch.as_tensor(draw.standard_normal(p.shape)).to(p) for p in params.values()]
            if problem.trainable is not None:
                noise = [n * problem.trainable.bits[name].to(n.device) for name, n in zip(params, noise, strict=True)]
            return steered(value, params, self._moves(params, grads, noise))

        descend(model, loss, plan, steps, problem.trainable)
        if taken != count:
            fails += (f"{count} noisy steps were planned, and there were {taken} draws of noise: give it more room or more budget",)
        if problem.epochs(self.after):
            descend(
                model,
                lambda b: problem.task.loss(model, b).mean(),
                problem.retain_batches(self.after),
                self.after,
                problem.trainable,
            )
        examples = len(problem.rest) + len(problem.forget)
        certificate = Certificate(
            guarantee=None if fails else Guarantee(self.epsilon, self.delta, self.epsilon), fails=fails, provided=PROVIDED,
            removed=len(problem.forget), examples=examples, bound=bound, measured=bound, std=std, capacity=examples - 1, releases=1,
            noisy="weight in each step",
        )  # fmt: skip
        return Release(model, certificate)

    def _noise(self, steps: int) -> tuple[float, float]:
        """Standard deviation of the noise of a weight in a step, and how far apart weights may be without any.

        Raises:
            SpecError: a step turns weights round.
        """
        if self.lr * self.decay > 1:
            raise SpecError(f"lr={self.lr:g} times decay={self.decay:g} is above 1, so that a step turns weights round: lower one")
        if self.clip == "model":
            return clipped_models(self.epsilon, self.delta, steps, self.radius), 2 * self.radius
        price = noisy_descents(self.radius, steps, self.lr, self.slope, self.decay)
        left = 1 - self.lr * self.decay
        squares = sum(left ** (2 * at) for at in range(steps))
        return price * noise_multiplier(self.epsilon, self.delta), price * math.sqrt(squares)

    def _moves(self, params: Params, grads: Grads, noise: list[Tensor]) -> Grads:
        """The gradients with which a plain step is the noisy one."""
        weights = [p.detach() for p in params.values()]
        if self.clip == "gradient":
            steep = clipped(grads, self.slope)
            return [g + self.decay * w - n / self.lr for g, w, n in zip(steep, weights, noise, strict=True)]
        moved = clipped([w - self.lr * (g + self.decay * w) for g, w in zip(grads, weights, strict=True)], self.radius)
        return [(w - m - n) / self.lr for w, m, n in zip(weights, moved, noise, strict=True)]

    def _fails(self, model: nn.Module, problem: Problem) -> tuple[str, ...]:
        """Parts that keep their values and may have learned them from the forget set."""
        fresh = None if problem.init is None else problem.init(0 if problem.origin is None else problem.origin)
        known = {} if fresh is None else {n: t.detach() for n, t in [*fresh.named_parameters(), *fresh.named_buffers()]}
        statistics = {id(b) for part in tracking(model) for b in part.buffers(recurse=False)}
        bits = {} if problem.trainable is None else problem.trainable.bits
        still = [n for n, p in model.named_parameters() if not p.requires_grad or (n in bits and not bool(bits[n].all()))]
        still += [n for n, b in model.named_buffers() if id(b) not in statistics]
        here = dict([*model.named_parameters(), *model.named_buffers()])
        other = [n for n in still if n not in known or not same(here[n].detach(), known[n].to(here[n].device))]
        first = repr(other[0]) if other else "none"
        checks = {
            f"{len(other)} tensors keep what they learned, {first} among them: noise hides only what moves": bool(other),
            "a batch of one example is normalised by what batch norm learned before: take a larger batch":
                bool(norms(model)) and min(self.batch, len(problem.rest)) == 1,
        }  # fmt: skip
        return tuple(reason for reason, fails in checks.items() if fails)


def clipped(parts: list[Tensor], radius: float) -> list[Tensor]:
    """Tensors that are scaled down together, so that they are at most so long.

    >>> [part.tolist() for part in clipped([torch.tensor([3.0]), torch.tensor([4.0])], 1.0)]
    [[0.6000000238418579], [0.800000011920929]]
    """
    length = math.sqrt(sum(float(part.double().square().sum()) for part in parts))
    return parts if length <= radius else [part * (radius / length) for part in parts]
