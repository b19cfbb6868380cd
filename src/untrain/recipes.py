"""Papers' names for expressions made of parts."""

from __future__ import annotations

from untrain.core.roles import Recipe, Unlearner
from untrain.core.steps import Cosine, Keep, Steps
from untrain.localize.choices import Channels, Gather
from untrain.localize.gradient import Gradient
from untrain.localize.weightedgrad import WeightedGrad
from untrain.unlearn.randomlabel import RandomLabel
from untrain.unlearn.resetfinetune import ResetFinetune


class DEL(Recipe):
    """Deletion by example localization: reset and finetune the channels with the largest ``|weight * gradient|``.

    Args:
        keep: share of the parameters in the mask.
        steps: step size and length of the finetuning.
        reference: repeat the mask of the authors' code where it differs from their paper: its score of a channel, a budget
            filled weight by weight, gradients of full batches of 128 without the rest.

    Source: Torkzadehmahani et al. 2024, arXiv 2412.02432; code reihaneh-torkzadehmahani/DEL-Unlearning@b1f732c.
    Departs: finetuning takes the last batch where the code drops it, and the reset is drawn from the seed where the code's
        is not seeded; with ``reference`` too.
    """

    keep: Keep = 0.3
    steps: Steps = Steps(lr=0.015, epochs="100%")
    reference: bool = False

    def expand(self) -> Unlearner:
        """``ResetFinetune @ WeightedGrad``."""
        localizer = WeightedGrad(keep=self.keep)
        if self.reference:
            localizer = WeightedGrad(keep=self.keep, channels=Channels(unit="elements"), gather=Gather(samples="code"))
        return ResetFinetune(steps=self.steps) @ localizer


class SalUn(Recipe):
    """Saliency unlearning: random labels on the weights with the largest gradient on the forget set.

    Args:
        keep: share of the parameters in the mask.
        steps: step size and length.

    Source: Fan et al. 2023, arXiv 2310.12508.
    Departs: no weight decay where the authors' code has 5e-4; a share of the learner's epochs where it has 10; a cosine where
        its step size stays the same (its milestones, 91 and 136, lie beyond 10 epochs).
    """

    keep: Keep = 0.5
    steps: Steps = Steps(lr=0.013, epochs="30%", schedule=Cosine(floor=0.01))

    def expand(self) -> Unlearner:
        """``RandomLabel @ Gradient``."""
        return RandomLabel(draw="step", steps=self.steps) @ Gradient(keep=self.keep)
