"""A memory in place of a trained network."""

from __future__ import annotations

import torch
from torch import nn

from untrain.core.fields import Count, Positive
from untrain.data.examples import Examples
from untrain.data.fingerprint import id_hashes
from untrain.models.retrieval import RetrievalMemory
from untrain.models.tasks.base import Task
from untrain.models.tasks.classification import Classification
from untrain.training.base import Learner


class Retrieval(Learner):
    """Store all training examples; a prediction is a vote of the nearest.

    Args:
        neighbours: how many vote.
        temperature: of the votes, in squared distance.
        task: how the model is asked.

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
        """The memory, which holds every example from the start."""
        return self.learn(examples, seed)

    def learn(self, examples: Examples, seed: int) -> nn.Module:
        """The memory of all examples."""
        x = examples.x[:].flatten(1)
        keys = x.float() / 255 if x.dtype == torch.uint8 else x.float()
        names = torch.from_numpy(id_hashes(examples.ids.tolist())).to(keys.device)
        classes = self.task.outputs_needed(examples)
        return RetrievalMemory(keys, examples.y.clone(), names, classes, self.neighbours, self.temperature).to(keys.device).eval()
