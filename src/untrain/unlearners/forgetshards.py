"""Exact unlearning of models that were trained in shards."""

from __future__ import annotations

from typing import ClassVar, cast

import numpy as np
from torch import nn

from untrain.core.errors import ModelError
from untrain.core.mask import Mask
from untrain.core.metering import add_note
from untrain.models.shard_ensemble import ShardEnsemble
from untrain.training.learners.sisa import SISA, places, sizes_of
from untrain.training.problem import Problem
from untrain.unlearners.base import Unlearner


class ForgetShards(Unlearner):
    """Retrain the models of the shards that hold forget examples, each from the first slice that holds one.

    Exact, bit for bit: what comes out is what ``SISA`` makes of the retain set with the seed of the original, checkpoints
    and batch-norm buffers included, so that the next request can follow. Corrected examples lie where those lay that they
    replace. Weights that were frozen after training stay as they are; it is then not exact, and says so.

    Source: Bourtoule et al. 2021, arXiv 1912.03817, section IV.
    """

    works_on: ClassVar[type] = ShardEnsemble
    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "labels"})

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model that never saw them.

        Raises:
            ModelError: the problem's recipe is not the ``SISA`` that made the model, or the model learned other examples.
            DataError: no shard would be left with two examples.
        """
        model = cast(ShardEnsemble, model)
        learner, shape = problem.recipe, (len(model.sizes), model.sizes.shape[1])
        if not isinstance(learner, SISA) or (learner.shards, learner.slices) != shape:
            raise ModelError(
                f"ForgetShards repeats the SISA(shards={shape[0]}, slices={shape[1]}) that made the model, and this problem has "
                f"{'no recipe' if learner is None else f'the recipe {learner!r}'}: give Problem(recipe=SISA(...))"
            )
        gone = [part for part in (problem.forget, problem.replacement) if part is not None]
        change = -sizes_of(model, gone[0]) + sum(sizes_of(model, part) for part in gone[1:])
        if not np.array_equal(model.sizes.cpu().numpy() + change, sizes_of(model, problem.rest)):
            raise ModelError(
                "the model learned other examples than the forget and the retain set together: their slices differ in size"
            )
        learner.count(model, problem.rest)
        if problem.trainable is not None:
            _freeze(model, problem.trainable, learner.init(problem.rest, int(model.seed)))
        shards, slices = np.concatenate([places(part.ids, int(model.seed), *shape) for part in gone], axis=1)
        for shard in np.unique(shards).tolist():
            learner.train_shard(model, problem.rest, shard, int(slices[shards == shard].min()))
        return model


def _freeze(model: ShardEnsemble, trainable: Mask, fresh: nn.Module) -> None:
    """Have weights that may not move require no gradient, and note it where training moved them."""
    moved = dict(fresh.named_parameters())
    for name, p in model.named_parameters():
        p.requires_grad_(bool(trainable.bits[name].any()))
    if any(moved[name].requires_grad and not p.requires_grad for name, p in model.named_parameters()):
        add_note("weights that were frozen after training stay as they are: what ForgetShards makes is not exact")
