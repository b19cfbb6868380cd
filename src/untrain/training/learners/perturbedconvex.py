"""Linear models at the optimum of a convex objective that a secret draw has tilted."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from untrain.core.fields import Positive
from untrain.data.examples import Examples
from untrain.data.fingerprint import print_of
from untrain.maths.convex_objective import ConvexObjective
from untrain.models.tasks.base import Task
from untrain.training.base import Learner
from untrain.training.keepers.base import Keeper
from untrain.training.learners.convex import Convex
from untrain.training.secret_draws import generator


class PerturbedConvex(Learner):
    """Minimise the objective of ``Convex`` plus ``b^T w``, where b is drawn from the seed: normal, of ``std`` in each entry.

    Other data have another b, or two models of one seed would show what the data do to them; without a seed it comes of the
    operating system. In a mean it is ``b^T w / n``, so that b is of the sum of losses either way. It hides what
    ``CertifiedRemoval`` leaves of examples that go, as long as the seed is as secret as the data. Weights without a penalty have no
    part in b. Another seed gives another model.

    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> import torch
    >>> data = Examples.labelled(torch.as_tensor(x), torch.as_tensor((x[:, 0] > 0).astype(int)), np.arange(20), 2)
    >>> one, other = (PerturbedConvex(by=Convex(l2=1.0, form="sum", bias="none"), std=2.0)(data, seed) for seed in (1, 2))
    >>> bool(one.line.weight == other.line.weight)
    False

    Args:
        by: the objective; its own keepers are not used. The default permits certified removals, except for ``tuned``.
        std: of each entry of b, in units of the gradient of one example's loss.
        keepers: what is saved in training for unlearners that need it, such as ``RemovalAccount()``.

    Source: Guo et al. 2020, arXiv 1911.03030, section 3.1; Chaudhuri, Monteleoni and Sarwate 2011 (objective perturbation). The
        official code takes 10.
    """

    by: Convex = Convex(l2=100.0, form="sum", bias="penalised")
    std: Positive = 10.0
    keepers: tuple[Keeper, ...] = ()

    @property  # type: ignore[misc]
    def task(self) -> Task:
        """The task of the models."""
        return self.by.task

    @property
    def counted(self) -> bool:
        """False: the work is done by NumPy."""
        return False

    def init(self, examples: Examples, seed: int) -> nn.Module:
        """The model with all weights 0."""
        return self.by.init(examples, seed)

    def learn(self, examples: Examples, seed: int) -> nn.Module:
        """The model at the tilted optimum.

        Raises:
            SpecError: the loss is not one for this task or so many classes.
            DataError: a class has no example, numbers are not finite, or no single optimum exists.
            RunFailed: the optimum was not reached to the tolerance.
        """

        def tilted(objective: ConvexObjective) -> ConvexObjective:
            draws = generator(seed, repr(self.without_keepers()), print_of(examples))
            return replace(objective, tilt=self.std * draws.standard_normal(objective.size) * objective.penalised)

        return self.by.at_optimum(examples, tilted)

    def without_keepers(self) -> PerturbedConvex:
        """The same, of which nothing is saved: what decides the model."""
        return replace(self, by=self.by.without_keepers(), keepers=())
