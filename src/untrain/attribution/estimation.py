"""Sources of estimated effects: which attributor, from how many models, checked on how many others."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from untrain.attribution.attributors.datamodels import Datamodels
from untrain.attribution.base import FEWEST_MODELS, Attributor
from untrain.core.errors import SpecError
from untrain.core.spec import Spec

HELD_OUT = 20  # models of which a linear datamodeling score is made, at least


class Estimation(Spec):
    """Settings to estimate effects: an attributor, its models, and models that check and scale its values.

    Of a population each model is trained on a random half of the training data; attributors that work on models themselves take
    originals. As many models as are ``held_out`` see other halves, for the linear datamodeling score; as many again are trained
    on all but a random set of the forget set's size, and two multipliers are fitted on them: of effects on the outputs of what is
    left out, and of effects on all others.

    >>> Estimation().sizes
    (512, 64)
    >>> from untrain.attribution.attributors.trak import TRAK
    >>> Estimation(attributor=TRAK()).sizes
    (4, 64)

    Args:
        attributor: what estimates.
        models: number of models that it works on; None for 512 of a population, or 4 originals.
        held_out: number of models of each kind that check it.
        scheme: how the halves are drawn: each example by itself, 'bernoulli', or in 'balanced' subsets of one size.
        seed: of the halves, and of the models' training.

    Source: Georgiev et al. 2024, arXiv 2410.23232, whose table of effects is of half-subset models; the default attributor is the
        one with the highest score on held-out models in papers/attribution/lds.md; Park et al. 2023, arXiv
        2303.14186, definition 2.4, for the score.
    """

    attributor: Attributor = Datamodels()
    models: Annotated[int, Field(ge=1)] | None = None
    held_out: Annotated[int, Field(ge=HELD_OUT)] = 64
    scheme: Literal["bernoulli", "balanced"] = "bernoulli"
    seed: Annotated[int, Field(ge=0)] = 0

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of models that the attributor works on, and of those that check it.

        Raises:
            SpecError: there are too few.
        """
        population = self.attributor.needs == "population"
        models = self.models or (512 if population else 4)
        if population and models < FEWEST_MODELS:
            raise SpecError(f"models={models}: {type(self.attributor).__name__} needs {FEWEST_MODELS} models or more")
        return models, self.held_out
