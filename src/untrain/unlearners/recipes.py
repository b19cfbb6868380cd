"""Papers' names for expressions made of parts."""

from __future__ import annotations

from typing import Annotated

from untrain.core.fields import Count, Keep, Positive
from untrain.core.search_space import SearchHint
from untrain.localizers._mask_units import Channels, Gather
from untrain.localizers.deepest import Deepest
from untrain.localizers.gradient import Gradient
from untrain.localizers.weightedgrad import WeightedGrad
from untrain.training.input_noise import InputNoise
from untrain.training.steps import SGD, AdamW, Constant, Cosine, Steps
from untrain.unlearners.base import Recipe, Unlearner
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.jit import JiT
from untrain.unlearners.negmerge import NegMerge
from untrain.unlearners.randomlabel import RandomLabel
from untrain.unlearners.resetfinetune import ResetFinetune


class DEL(Recipe):
    """Deletion by example localization: reset and finetune the channels with the largest ``|weight * gradient|``.

    >>> DEL(keep=0.1).expand()
    ResetFinetune() @ WeightedGrad(keep=0.1)

    Args:
        keep: share of the parameters in the mask.
        steps: step size and length of the finetuning.
        reference: follow the authors' code where it differs from their paper: its score of a channel, a budget filled weight
            by weight, and full batches alone, of 128 for gradients and of ``steps.batch`` for finetuning.

    Source: Torkzadehmahani et al. 2024, arXiv 2412.02432; code reihaneh-torkzadehmahani/DEL-Unlearning@b1f732c.
    Departs: the reset is drawn from the seed where the code's is not seeded, with ``reference`` too. In its mask these remain:
        what fills no batch are the last examples, not random ones; a tie goes to the lower index; channels of a tensor with fewer
        than ten have their largest score, where the code takes the mean of none, NaN, which comes last; tokens of a position
        embedding are channels, where the code has one of all.
    """

    keep: Keep = 0.3
    steps: Steps = Steps(lr=0.015, epochs="100%")
    reference: bool = False

    def expand(self) -> Unlearner:
        """``ResetFinetune @ WeightedGrad``."""
        if not self.reference:
            return ResetFinetune(steps=self.steps) @ WeightedGrad(keep=self.keep)
        localizer = WeightedGrad(keep=self.keep, channels=Channels(unit="elements"), gather=Gather(samples="code"))
        return ResetFinetune(steps=self.steps, rest="drop") @ localizer


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


class Amnesiac(Recipe):
    """Amnesiac unlearning as it is compared: wrong labels, drawn once, for the forget set, learned with the retain set.

    >>> Amnesiac(steps=Steps(lr=0.01)).expand()
    RandomLabel(draw='once', wrong=True, steps=Steps(lr=0.01))

    Args:
        steps: step size and length.

    Source: Graves, Nagisetty and Ganesh 2021 (AAAI), "unlearning", with the steps of Chundawat et al. 2023, whose code
        vikram2000b/bad-teaching-unlearning@f1aa988 runs it on its data; code lmgraves/AmnesiacML@ae594cd.
    Departs: what the paper names amnesiac subtracts the updates of the batches that held the forget set; a model keeps no such
        updates, and that one is not here. Where several classes are forgotten, a wrong label may be another of them.
    """

    steps: Steps = Steps(lr=1e-4, epochs=3, batch=256, optimizer=AdamW(), schedule=Constant())

    def expand(self) -> Unlearner:
        """``RandomLabel`` with wrong labels, drawn once."""
        return RandomLabel(draw="once", wrong=True, steps=self.steps)


class CFk(Recipe):
    """Catastrophic forgetting in the last layers: finetune them on the retain set and freeze the others.

    >>> CFk(layers=1).expand()
    Finetune(steps=Steps(lr=0.01, epochs='50%')) @ Deepest(layers=1)

    Args:
        layers: number of layers with a weight of two or more dimensions, counted from the output.
        steps: step size and length.

    Source: Goel et al. 2022, arXiv 2201.06640, section 4; code shash42/Evaluating-Inexact-Unlearning, whose finetuning has
        30 epochs where its training has 62. Step size as Kurmanji et al. 2023 run it.
    """

    layers: Annotated[Count, SearchHint(1, 8)] = 2
    steps: Steps = Steps(lr=0.01, epochs="50%")

    def expand(self) -> Unlearner:
        """``Finetune @ Deepest``."""
        return Finetune(steps=self.steps) @ Deepest(layers=self.layers)


class EUk(Recipe):
    """Exact unlearning of the last layers: reset them, train them on the retain set and freeze the others.

    Args:
        layers: number of layers with a weight of two or more dimensions, counted from the output.
        steps: step size and length.

    Source: Goel et al. 2022, arXiv 2201.06640, section 4; code shash42/Evaluating-Inexact-Unlearning. Step size as Kurmanji
        et al. 2023 run it.
    Departs: norms within these layers are reset too, where the authors' code resets linear layers and convolutions, biases
        included, and trains norms on from what they were.
    """

    layers: Annotated[Count, SearchHint(1, 8)] = 2
    steps: Steps = Steps(lr=0.01, epochs="100%")

    def expand(self) -> Unlearner:
        """``ResetFinetune @ Deepest``."""
        return ResetFinetune(steps=self.steps) @ Deepest(layers=self.layers)


class ReferenceJiT(Recipe):
    """Just-in-time unlearning as its authors' code does it, for which alone their step sizes are meant.

    >>> ReferenceJiT(scale=0.8).expand().noise
    InputNoise(scale=0.8, clamp=True)

    Args:
        scale: standard deviation of the noise, in units of the inputs.
        draws: noises per example and step.
        steps: step size and length; ``SGD(momentum=1.0)`` adds up the gradients of all batches so far, which that code never
            clears.

    Source: code jwf40/Information-Theoretic-Unlearning@c967614, src/lipschitz.py. Its (scale, lr, batch) are (0.5, 3e-4, 128) to
        forget a class from a VGG and (0.8, 1.5, 128) from a ViT; (0.01, 3e-4, 64) and (1.5, 0.5, 64) for a sub-class;
        (0.01, 3e-4, 128) and (0.5, 0.1, 128) for random examples. The scale is in units of inputs normalised by CIFAR's
        mean and deviation, of which one is 0.27 of the range of a pixel.
    """

    scale: Annotated[Positive, SearchHint(0.01, 2.0, log=True)] = 0.5
    draws: Annotated[Count, SearchHint(5, 100, log=True)] = 25
    steps: Steps = Steps(lr=3e-4, epochs=1, optimizer=SGD(momentum=1.0), schedule=Constant())

    def expand(self) -> Unlearner:
        """``JiT`` with every switch as in that code."""
        noise = InputNoise(scale=self.scale, draws=self.draws, clamp=True)
        return JiT(noise=noise, stop_gradient=True, reduction="sum", dropout=True, shuffle=False, steps=self.steps)


class TaskVector(Recipe):
    """Task arithmetic: finetune a copy on the forget set, and take ``scale`` times what that changed away from the model.

    >>> TaskVector(scale=0.5).expand()
    NegMerge(scale=0.5, models=1)

    Args:
        scale: weight of the change.
        steps: step size and length of the finetuning.

    Source: Ilharco et al. 2023, arXiv 2212.04089; for texts RESTOR, arXiv 2411.00204.
    Departs: nothing; scale, step size and length are ours.
    """

    scale: Annotated[Positive, SearchHint(0.1, 10, log=True)] = 1.0
    steps: Steps = Steps(lr=5e-4, epochs=1, optimizer=SGD(), schedule=Constant())

    def expand(self) -> Unlearner:
        """``NegMerge`` of a single model."""
        return NegMerge(scale=self.scale, models=1, steps=self.steps)
