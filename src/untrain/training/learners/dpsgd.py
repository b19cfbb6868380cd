"""Training of which no single example changes the law of the model by much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from untrain.core.errors import NotFinite
from untrain.core.fields import Count, Positive
from untrain.data.examples import Examples
from untrain.data.fingerprint import array_digest, print_of
from untrain.models.architectures.base import Architecture
from untrain.models.compatibility import check_fit
from untrain.models.tasks.base import Task
from untrain.models.tasks.classification import Classification
from untrain.training.base import Learner
from untrain.training.gradients import movable, of_examples, put
from untrain.training.keepers.base import Keeper, epoch_ended
from untrain.training.learners.train import Train
from untrain.training.secret_draws import generator


class DPSGD(Learner):
    """Steps by sampled gradients, each clipped separately, with Gaussian noise on their sum.

    An example is in each step with probability ``rate``, whoever else is, so neither the number of steps nor their size depends
    on how many examples there are. ``GroupPrivacy`` says what that is worth when some are to be forgotten. The model is in eval
    mode: batch norm keeps the statistics of a fresh model and dropout is off, so that no example is in another one's gradient.
    Other data have other draws; without a seed those of the noise and of the batches come of the operating system.

    >>> import untrain as ut
    >>> data = ut.Digits().load().train
    >>> model = DPSGD(model=ut.MLP(width=8), rounds=3)(data)
    >>> model(data.x[:2]).shape
    torch.Size([2, 10])

    Args:
        model: an architecture, or any callable without arguments that makes a torch module, which has not learned from the data.
        lr: step size.
        rounds: number of steps.
        rate: probability of each example to be in a step.
        expected: what the sum of gradients is divided by, about the rate times the number of examples: set without counting them.
        clip: longest gradient of an example.
        noise: standard deviation of the noise on the sum, in units of ``clip``.
        tuned: whether the other fields were chosen by looking at the data. Only with False can a certificate be given.
        task: what a batch holds and what the loss is.
        keepers: what is saved in training for unlearners that need it.

    Source: Abadi et al. 2016, arXiv 1607.00133, algorithm 1.
    """

    model: Architecture | Callable[[], nn.Module]  # type: ignore[misc]
    lr: Positive = 0.5
    rounds: Count = 200
    rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    expected: Count = 64
    clip: Positive = 1.0
    noise: Positive = 1.0
    tuned: bool = True
    task: Task = Classification()
    keepers: tuple[Keeper, ...] = ()

    def init(self, examples: Examples, seed: int) -> nn.Module:
        """The model before training, on the device of the examples."""
        return Train(model=self.model, task=self.task).init(examples, seed)

    def learn(self, examples: Examples, seed: int) -> nn.Module:
        """The trained model.

        Raises:
            NotFinite: a gradient is NaN or infinite.
        """
        model, task = self.init(examples, seed).eval(), self.task.resolve(examples)
        check_fit(model, task, examples)
        params = movable(model, None)
        # Initial weights are of the seed too, and must not know the noise.
        fields = (self.lr, self.rounds, self.rate, self.expected, self.clip, self.noise)
        first = array_digest(*(p.detach().double().cpu() for p in params.values()))
        rng = generator(seed, repr(fields), first, print_of(examples))
        for _ in range(self.rounds):
            rows = np.flatnonzero(rng.random(len(examples)) < self.rate)
            total = [torch.zeros_like(p) for p in params.values()]
            for grads in of_examples(model, task, [examples], rows, params) if len(rows) else ():
                for whole, part in zip(total, summed(grads, self.clip), strict=True):
                    whole += part
            moved = {}
            for (name, p), whole in zip(params.items(), total, strict=True):
                noisy = whole + self.noise * self.clip * torch.as_tensor(rng.standard_normal(p.shape)).to(p)
                moved[name] = p.detach() - self.lr / self.expected * noisy
            put(model, moved, None)
        epoch_ended(model, 1, 1)
        return model.eval()


def summed(grads: list[Tensor], limit: float) -> list[Tensor]:
    """Gradients of some examples, each scaled down to a length of ``limit`` over all parameters, added up.

    >>> [part.tolist() for part in summed([torch.tensor([[3.0], [0.1]]), torch.tensor([[4.0], [0.0]])], limit=1.0)]
    [[0.7000000476837158], [0.800000011920929]]

    Args:
        grads: for each parameter (examples, ...).
        limit: longest length.

    Raises:
        NotFinite: one is NaN or infinite.
    """
    lengths = torch.stack([g.double().flatten(1).square().sum(1) for g in grads]).sum(0).sqrt()
    if not bool(torch.isfinite(lengths).all()):
        raise NotFinite("the gradient of an example is NaN or infinite: look at the inputs, or lower lr")
    factors = (limit / lengths.clamp(min=limit)).to(grads[0].dtype)
    return [torch.tensordot(factors.to(g.dtype), g, 1) for g in grads]
