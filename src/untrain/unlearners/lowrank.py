"""Any unlearner, confined to a change of low rank."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar

from torch import nn

from untrain.core.errors import MaskError, ModelError, SpecError
from untrain.core.fields import Count, Positive
from untrain.core.search_space import SearchHint
from untrain.core.seeds import derive_seed
from untrain.training.low_rank import add_low_rank, low_rank_moved, merge_low_rank
from untrain.training.problem import Problem
from untrain.unlearners.base import Localized, Unlearner, Wrapping
from untrain.unlearners.guarantee import Release
from untrain.unlearners.npo import NPO


class LowRank(Wrapping):
    """An unlearner that moves ``scale * B A`` of rank r beside each linear layer and convolution, and adds it at the end.

    The weights themselves stay while it trains, so that gradients and the optimizer's memory are those of a few numbers per unit;
    the result is a model as before. All else stays. Within a mask the change is cut to the mask's entries, which
    makes it of higher rank: nothing outside of it moves. Layers that share their weight with an embedding (tied) stay. Batch-norm
    buffers follow the unlearner's.

    Args:
        unlearner: what moves them; one that trains, as one that draws weights anew has none to draw.
        rank: of a change, r.
        scale: of a change.

    Source: Hu et al. 2021, arXiv 2106.09685 (LoRA; their alpha is ``scale * rank``).
    Departs: all linear layers and convolutions, where they took layers of attention; A is uniform. Rank and scale are those in use.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain"})  # of its default unlearner

    unlearner: Unlearner = NPO()
    rank: Annotated[Count, SearchHint(1, 64, log=True)] = 8
    scale: Annotated[Positive, SearchHint(0.5, 8, log=True)] = 2.0

    def __post_init__(self) -> None:
        if isinstance(self.unlearner, Localized | LowRank):
            raise SpecError(f"LowRank({self.unlearner!r}): confine the whole, as LowRank(...) @ Gradient(), and not its unlearner")
        if self.unlearner.works_on is not nn.Module:
            raise SpecError(f"LowRank: {self.unlearner!r} changes a {self.unlearner.works_on.__name__}, which has no linear layers")

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model with the change added.

        Raises:
            ModelError: it has no layer that may move, or none that did.
            MaskError: the unlearner makes another model.
        """
        moved = add_low_rank(model, problem.trainable, self.rank, self.scale, derive_seed(problem.seed))
        beside = replace(problem, mask=None, trainable=moved, init=None)
        made = self.unlearner.unlearn(model, beside)
        if isinstance(made, Release):
            raise MaskError(f"{self.unlearner!r} releases a model of its own: take it without LowRank")
        if not low_rank_moved(made) and not self.may_be_unchanged(problem):
            raise ModelError("the change of no layer had a gradient: take the unlearner by itself, without LowRank")
        return merge_low_rank(made)
