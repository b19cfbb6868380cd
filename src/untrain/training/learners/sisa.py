"""Training in shards and slices, so that a deletion repeats a part of it alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from untrain.core.errors import DataError, ModelError
from untrain.core.fields import Count
from untrain.core.seeds import seed_of, seeded
from untrain.data.augmentations.base import Augment
from untrain.data.examples import Examples, take
from untrain.data.fingerprint import id_hashes
from untrain.models.architectures.base import Architecture
from untrain.models.shard_ensemble import LEAST, ShardEnsemble, put_state
from untrain.models.state import state
from untrain.models.tasks.base import Task
from untrain.models.tasks.classification import Classification
from untrain.training.base import Learner
from untrain.training.learners.train import Train, fit
from untrain.training.steps import Steps, epochs_of

Array = np.ndarray[Any, Any]


class SISA(Learner):
    """Train a model on each shard of the data, slice after slice, and average their outputs; ``ForgetShards`` forgets exactly.

    A digest of an example's id and of the seed says in which shard and slice it lies, so that no other moves where it is removed;
    rows of one id lie together. A model is trained on its first slice, then on its first two, and so on, with an optimizer
    and a schedule of their own, and its state after each slice is kept in the model. Probabilities of classes are averaged, and
    other outputs as they are. Stages of fewer than two examples are left out.

    Args:
        model: an architecture, or any callable without arguments that makes a torch module; of each shard.
        shards: how many models there are.
        slices: how many parts a shard is cut into.
        steps: step size and length. A stage has ``2 / (slices + 1)`` of the epochs, and one at least: with that share all
            stages together see as many examples as a training without slices.
        task: what a batch holds and what the loss is.
        augment: how training images are changed each time they are seen, one after the other.

    Source: Bourtoule et al. 2021, arXiv 1912.03817, sections IV and V; code cleverhans-lab/machine-unlearning, sisa.py (rounding
        of epochs). The paper has 20 shards and 50 slices for 600,000 examples; the defaults for small data are ours.
    Departs: the code draws shards and slices by the places of rows; its optimizer goes on from slice to slice within a run, and
        begins anew where a run begins from a checkpoint.
    """

    model: Architecture | Callable[[], nn.Module]  # type: ignore[misc]
    shards: Count = 5
    slices: Count = 4
    steps: Steps = Steps(lr=0.1, epochs=30)
    task: Task = Classification()
    augment: tuple[Augment, ...] = ()

    @property
    def alone(self) -> Train:
        """The learner of one shard's model."""
        return Train(model=self.model, steps=self.steps, task=self.task, augment=self.augment)

    @property
    def begins_alike(self) -> bool:
        """Return whether its architecture does."""
        return self.alone.begins_alike

    def init(self, examples: Examples, seed: int) -> ShardEnsemble:
        """The models before training, on the device of the examples; none of them has a vote less than the others."""
        members = [self._fresh(examples, seed, shard) for shard in range(self.shards)]
        task = self.task.resolve(examples)
        try:
            heads = tuple(f"members.{at}.{name}" for at, member in enumerate(members) for name in task.head(member))
        except ModelError:  # a model without a head is one as it is with Train
            heads = ()
        return ShardEnsemble(members, self.slices, seed, "classes" in task.signals, heads).to(examples.x.device)

    def _fresh(self, examples: Examples, seed: int, shard: int) -> nn.Module:
        return self.alone.init(examples, seed_of(seed, "shard", shard))

    def learn(self, examples: Examples, seed: int) -> nn.Module:
        """The trained models.

        Raises:
            DataError: no shard has two examples.
        """
        model = self.init(examples, seed)
        self.alone.task_for(model, examples)
        self.count(model, examples)
        for shard in range(self.shards):
            self.train_shard(model, examples, shard, 0)
        return model.eval()

    def count(self, model: ShardEnsemble, examples: Examples) -> None:
        """Write down how many examples lie in each slice.

        Raises:
            DataError: no shard has two of them.
        """
        model.sizes.copy_(torch.from_numpy(sizes_of(model, examples)))
        if not bool((model.sizes.sum(1) >= LEAST).any()):
            raise DataError(f"{len(examples)} examples in {self.shards} shards leave none with {LEAST}: take fewer shards")

    def train_shard(self, model: ShardEnsemble, examples: Examples, shard: int, first: int) -> None:
        """Train the model of a shard in place from a slice on, as though the checkpoint before it had just been reached.

        Parameters that require no gradient stay as they are.

        Args:
            model: all of them.
            examples: all that is learned; only those of the shard are used.
            shard: which.
            first: the slice from which on it is trained; 0 begins with fresh weights.
        """
        member, seed = model.members[shard], int(model.seed)
        if first:
            model.checkpoints[shard].load(first - 1, member)  # type: ignore[operator]
        else:
            put_state(member, state(self._fresh(examples, seed, shard)))
        task, place = self.task.resolve(examples), places(examples.ids, seed, self.shards, self.slices)
        for at in range(first, self.slices):
            rows = np.flatnonzero((place[0] == shard) & (place[1] <= at))
            own = seed_of(seed_of(seed, "shard", shard), "slice", at)
            if len(rows) >= LEAST and (epochs := self._epochs(at)):
                with seeded(examples.x.device, own):
                    fit(member, take(examples, rows), replace(self.steps, epochs=epochs), task, own, self.augment)
            if at < self.slices - 1:
                model.checkpoints[shard].save(at, member)  # type: ignore[operator]

    def _epochs(self, at: int) -> int:
        """Epochs of a stage: as equal as whole numbers can be."""
        total = epochs_of(self.steps, None)
        begun = [2 * total * stages // (self.slices + 1) for stages in (at, at + 1)]
        return max(min(1, total), begun[1] - begun[0])


def places(ids: Array, seed: int, shards: int, slices: int) -> tuple[Array, Array]:
    """Shard and slice of each id, int64 (n,) each.

    >>> first, second = places(np.arange(4), 0, 3, 2), places(np.array([3, 1]), 0, 3, 2)
    >>> bool((first[0][[3, 1]] == second[0]).all() and (first[1][[3, 1]] == second[1]).all())
    True
    """
    number = id_hashes([(seed, each) for each in ids.tolist()]).view(np.uint64)
    return (number % shards).astype(np.int64), (number // shards % slices).astype(np.int64)


def sizes_of(model: ShardEnsemble, examples: Examples) -> Array:
    """Number of examples that lie in each shard and slice of a model, int64 (shards, slices)."""
    sizes = np.zeros(tuple(model.sizes.shape), dtype=np.int64)
    np.add.at(sizes, places(examples.ids, int(model.seed), *sizes.shape), 1)
    return sizes
