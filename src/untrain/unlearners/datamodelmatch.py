"""Matching the outputs that datamodels predict of retrained models."""

from __future__ import annotations

from typing import Annotated, ClassVar

from torch import nn

from untrain.attribution.estimation import Estimation
from untrain.core.fields import NonNegative
from untrain.core.metering import add_note
from untrain.core.search_space import SearchHint
from untrain.training.problem import Problem
from untrain.training.steps import AdamW, Exponential, Steps
from untrain.unlearners._matching import Sample, match, outputs_on, without
from untrain.unlearners.base import Unlearner


class DatamodelMatch(Unlearner):
    """Minimise ``|logits - (logits before - scale * effects of forget)|^2`` on forget and some of retain.

    The effects are an attributor's estimates of how much training on the forget set raised each logit, in units of logits.
    Labels are not used. Batch-norm buffers follow ``steps.buffers``; batches of both sets move them.

    Args:
        estimation: how a run estimates the effects of its forget set; a problem made by hand brings its own.
        scale: factor of the effects, beside the multipliers that are fitted where they are estimated.
        sample: the examples on which outputs are matched.
        steps: step size and length; a pass is over the sample.

    Source: Georgiev et al. 2024, arXiv 2410.23232 (datamodel matching); code RoyRin/data-unlearning-bench, dm_matching.
    Departs: effects are multiplied by what fits held-out models, apart for the forget set's own outputs and for all others; what
        may be 0 by that is not subtracted. Targets are float32 and of the model in eval mode, where the code keeps its caller's
        mode; the retain sample is drawn from the seed where the code draws the same one for all models; images are matched as
        they are, without augmentation.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "effects", "classes"})

    estimation: Estimation = Estimation()
    scale: Annotated[NonNegative, SearchHint(0.25, 4, log=True)] = 1.0
    sample: Sample = Sample(retain=20.0, forget=5.0)
    steps: Steps = Steps(lr=1e-4, epochs=10, batch=512, optimizer=AdamW(), schedule=Exponential())

    def may_be_unchanged(self, problem: Problem) -> bool:
        """True also where no effect is known: outputs are matched with themselves then."""
        return super().may_be_unchanged(problem) or (problem.effects is not None and not problem.effects.known)

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model that imitates predictions."""
        effects = problem.estimated
        add_note(effects.about)
        forget = without(outputs_on(model, problem.forget, problem.task), self.scale * effects.forget)
        retain = without(outputs_on(model, problem.rest, problem.task), self.scale * effects.retain)
        return match(model, problem, (forget, retain), self.sample, self.steps)
