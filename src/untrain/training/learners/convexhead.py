"""Deep networks with frozen features and a last layer at the optimum of a convex objective."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from untrain.core.errors import ModelError
from untrain.core.metering import leave_uncounted
from untrain.data.examples import Examples
from untrain.maths.design_matrix import DesignMatrix
from untrain.models.architectures.base import Architecture
from untrain.models.binary_linear import BinaryLinear
from untrain.models.compatibility import check_fit
from untrain.models.features import features
from untrain.models.linear import LinearModel
from untrain.models.tasks.base import Task
from untrain.training.base import Learner
from untrain.training.convex_rows import checked
from untrain.training.learners.convex import Convex
from untrain.training.learners.train import Train


class ConvexHead(Learner):
    """Freeze a network except its last linear layer, and fit that layer as ``Convex`` on its inputs.

    The head is of float64. Features are those of the network in eval mode, and learn nothing of the data: they are loaded, or
    drawn from the seed. So retraining without the forget set is exact, and a network that was trained on it must not be given.

    >>> import numpy as np
    >>> import torch
    >>> from untrain.models.architectures.mlp import MLP
    >>> draw = torch.Generator().manual_seed(0)
    >>> x = torch.randn(40, 3, generator=draw)
    >>> examples = Examples.labelled(x, (x[:, 0] > 0).long(), np.arange(40), 2)
    >>> model = ConvexHead(model=MLP(width=8))(examples)
    >>> [name for name, p in model.named_parameters() if p.requires_grad]
    ['3.score.linear.weight', '3.score.linear.bias']

    Args:
        model: an architecture, or any callable without arguments that makes a torch module.
        by: finds the head; its task is the models' task.

    Source: certified removal from a linear head, Guo et al. 2020, arXiv 1911.03030, section 3.3.
    """

    model: Architecture | Callable[[], nn.Module]  # type: ignore[misc]
    by: Convex = Convex()

    @property  # type: ignore[misc]
    def task(self) -> Task:
        """The task of the models."""
        return self.by.task

    @property
    def deterministic(self) -> bool:
        """Return whether features are, as where they are loaded."""
        return self.begins_alike

    @property
    def begins_alike(self) -> bool:
        """Return whether the network's features are the same whatever the seed."""
        return Train(model=self.model, task=self.by.task).begins_alike

    @property
    def counted(self) -> bool:
        """False: the head is found by NumPy."""
        return False

    def init(self, examples: Examples, seed: int) -> nn.Module:
        """The network with frozen features and a head of zeros.

        Raises:
            ModelError: its last layer is not one linear layer with a bias.
        """
        network = Train(model=self.model, task=self.by.task).init(examples, seed)
        name, layer = self._head(network, examples)
        for parameter in network.parameters():
            parameter.requires_grad_(False)
        head = self.by.blank(layer.in_features, self.by.task.outputs_needed(examples))
        parent, _, own = name.rpartition(".")
        setattr(network.get_submodule(parent), own, head.to(examples.x.device))
        network.head_names = tuple(f"{name}.{each}" for each, _ in head.named_parameters())  # type: ignore[assignment]
        return network

    def learn(self, examples: Examples, seed: int) -> nn.Module:
        """The network with its head at the optimum.

        Raises:
            SpecError: the loss is not one for this task or so many classes.
            DataError: no single optimum exists.
            RunFailed: it was not reached.
        """
        network, task = self.init(examples, seed).eval(), self.by.task.resolve(examples)
        check_fit(network, task, examples)
        leave_uncounted("operations of NumPy are not counted, its seconds are")
        self.by.check_loss(examples)
        rows = checked(DesignMatrix.of(features(network, examples, task), self.by.bias != "none"))
        objective = self.by.objective_of(rows, examples)
        head = next(part for part in network.modules() if isinstance(part, BinaryLinear | LinearModel))
        self.by.filled(head, objective, self.by.reached(objective))
        return network.eval()

    def _head(self, network: nn.Module, examples: Examples) -> tuple[str, nn.Linear]:
        names = self.by.task.resolve(examples).head(network)
        name = names[0].rpartition(".")[0]
        layer = network.get_submodule(name)
        if not name or not isinstance(layer, nn.Linear) or {n.rpartition(".")[0] for n in names} != {name}:
            raise ModelError(f"the head of {type(network).__name__}, {', '.join(names)}, is not one linear layer inside it")
        return name, layer
