"""A memory instead of a trained network."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.fields import Count, Positive
from untrain.data.examples import Examples, batch_of
from untrain.data.fingerprint import id_hashes
from untrain.models.retrieval import RetrievalMemory
from untrain.models.tasks.base import Task
from untrain.models.tasks.classification import Classification
from untrain.training.base import Learner


class Retrieval(Learner):
    """Store all training examples; the nearest ones vote on a prediction.

    Args:
        neighbours: how many vote.
        temperature: of the votes, in squared distance.
        task: task of the model.

    Source: k nearest neighbours; datastore of Khandelwal et al. 2020, arXiv 1911.00172.
    """

    neighbours: Count = 5
    temperature: Positive = 1.0
    task: Task = Classification()

    @property
    def deterministic(self) -> bool:
        """True: nothing is drawn."""
        return True

    def init(self, examples: Examples, seed: int) -> nn.Module:
        """A memory of as many rows as there are examples, which holds none of them."""
        width, rows = math.prod(self.task.input_shape(examples)), len(examples)
        keys = torch.zeros(rows, width, device=examples.x.device)
        values, names = (torch.zeros(rows, dtype=torch.int64, device=keys.device) for _ in range(2))
        memory = self._memory(keys, values, names, examples)
        memory.valid.fill_(False)
        return memory

    def learn(self, examples: Examples, seed: int) -> nn.Module:
        """The memory of all examples.

        Raises:
            ModelError: targets are not classes.
        """
        self.task.check_examples(examples)
        batch = batch_of(examples, np.arange(len(examples)))
        # A memory is written to: it shares no storage with the training data.
        keys, values = self.task.inputs(batch).flatten(1).float().clone(), batch.y.clone()
        names = torch.from_numpy(id_hashes(examples.ids.tolist(), examples.x)).to(keys.device)
        return self._memory(keys, values, names, examples)

    def _memory(self, keys: Tensor, values: Tensor, names: Tensor, examples: Examples) -> RetrievalMemory:
        classes = self.task.outputs_needed(examples)
        return RetrievalMemory(keys, values, names, classes, self.neighbours, self.temperature).to(keys.device).eval()
