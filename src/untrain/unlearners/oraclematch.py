"""Matching the outputs of retrained models: an upper bound."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from untrain.core.errors import RequestError
from untrain.core.fields import Count
from untrain.core.metering import add_note
from untrain.core.search_space import SearchHint
from untrain.data.examples import Examples
from untrain.training.problem import Problem
from untrain.training.steps import AdamW, Exponential, Steps
from untrain.unlearners._matching import Sample, match, outputs_on
from untrain.unlearners.base import Unlearner


class OracleMatch(Unlearner):
    """Upper bound that sees oracles: minimise ``|logits - mean logits of retrained models|^2`` on forget and some of retain.

    No method of use, since who has retrained models has no need to unlearn: it says what matching outputs could reach with
    perfect predictions of them. A run retrains the models that it imitates, others for each original, apart from the oracles
    that scores are read against. Labels are not used. Batch-norm buffers follow ``steps.buffers``; batches of both sets move them.

    Args:
        oracles: number of retrained models whose logits are averaged.
        sample: the examples on which outputs are matched.
        steps: step size and length; a pass is over the sample.

    Source: Georgiev et al. 2024, arXiv 2410.23232 (oracle matching); code RoyRin/data-unlearning-bench, with the settings that
        its plots over time use.
    Departs: each original has retrained models of its own where the code shuffles all of them, without a seed, for each; the
        retain sample is drawn from the seed where the code draws the same one for all models; images are matched as they are,
        without augmentation, which the authors' training does not have. The code's cross-entropy with mean probabilities, and its
        penalty on the distance from the start, which is 0 in all of its settings, are left out. A mean of several models' logits
        differs less from original to original than retrained models do, and so do the models that imitate it.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "oracles", "classes"})

    oracles: Annotated[Count, SearchHint(1, 10)] = 1
    sample: Sample = Sample()
    steps: Steps = Steps(lr=1e-3, epochs=10, batch=512, optimizer=AdamW(), schedule=Exponential())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model that imitates the retrained ones."""
        if len(problem.oracles) < self.oracles:
            raise RequestError(
                f"OracleMatch(oracles={self.oracles}) imitates that many retrained models, and the problem has "
                f"{len(problem.oracles)}: give it more, or ask for fewer"
            )
        used = problem.oracles[: self.oracles]
        add_note(f"imitates {len(used)} retrained model{'s' * (len(used) > 1)}, whose training is not in its cost: an upper bound")

        def target(part: Examples) -> Tensor:
            return torch.stack([outputs_on(oracle, part, problem.task) for oracle in used]).mean(0)

        return match(model, problem, (target(problem.forget), target(problem.rest)), self.sample, self.steps)
