"""Learning from a stream, one example at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from torch import nn

from untrain.core.errors import ModelError
from untrain.core.seeds import seeded
from untrain.data.batching import in_order
from untrain.data.examples import Examples, batch_of
from untrain.models.online.base import Online
from untrain.models.online.naivebayes import NaiveBayes
from untrain.models.tasks.base import Task
from untrain.models.tasks.classification import Classification
from untrain.training.base import Learner


class Stream(Learner):
    """Show each example once, in the order of the data, to a model that learns online.

    Args:
        model: a callable (features, classes) that makes a module with ``learn_one``, such as ``NaiveBayes``; a class whose
            ``deterministic`` is True makes models that draw nothing.
        order: 'given' takes the examples as they come, 'seeded' shuffles them by the seed.
        task: task of the model.

    Source: prequential learning, Gama, Sebastião and Rodrigues 2013, section 3.
    """

    model: Callable[[int, int], nn.Module] = NaiveBayes
    order: Literal["given", "seeded"] = "given"
    task: Task = Classification()

    @property
    def deterministic(self) -> bool:
        """True where the order is given and the model's class says that it draws nothing, as ``deterministic = True``."""
        return self.order == "given" and bool(getattr(self.model, "deterministic", False))

    def init(self, examples: Examples, seed: int) -> nn.Module:
        """The model before the first example.

        Raises:
            ModelError: it does not learn one example at a time.
        """
        with seeded(examples.x.device, seed):
            size = int(np.prod(self.task.input_shape(examples)))
            model = self.model(size, self.task.outputs_needed(examples))
        if not (isinstance(model, nn.Module) and isinstance(model, Online)):
            raise ModelError(f"model made {type(model).__name__}: a module with learn_one, forget_one and memory is needed")
        return model.to(examples.x.device)

    def learn(self, examples: Examples, seed: int) -> nn.Module:
        """The model after the last example."""
        model = self.init(examples, seed)
        rows = np.arange(len(examples)) if self.order == "given" else np.random.default_rng(seed).permutation(len(examples))
        with torch.no_grad():
            for part in in_order(len(rows), 256):
                batch = batch_of(examples, rows[part])
                for x, y in zip(self.task.inputs(batch), batch.y, strict=True):
                    model.learn_one(x, y)  # type: ignore[operator]
        return model.eval()
