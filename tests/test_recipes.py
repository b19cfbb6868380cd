"""Papers' names and the expressions that they stand for."""

import pytest

from untrain.core.spec import parse
from untrain.core.steps import Steps
from untrain.recipes import DEL, SalUn

EXPANSIONS = {
    "DEL()": "ResetFinetune @ WeightedGrad",
    "DEL(keep=0.1)": "ResetFinetune @ WeightedGrad(keep=0.1)",
    "DEL(reference=True)": "ResetFinetune @ WeightedGrad(channels=Channels(unit='elements'), gather=Gather(samples='code'))",
}


@pytest.mark.parametrize("spelling", EXPANSIONS)
def test_del_stands_for_its_parts(spelling):
    assert parse(spelling).expand() == parse(EXPANSIONS[spelling])


def test_salun_relabels_at_each_step_what_the_gradient_finds():
    made = SalUn().expand()
    assert made.unlearner.draw == "step"
    assert made.localizer.per == "weight"
    assert made.localizer.keep == 0.5


@pytest.mark.parametrize("recipe", [DEL, SalUn])
def test_steps_reach_the_unlearner(recipe):
    assert recipe(steps=Steps(lr=0.5)).expand().unlearner.steps.lr == 0.5


def test_salun_departs_from_its_authors_as_it_says():
    steps = SalUn().steps
    assert (steps.optimizer.decay, steps.epochs, type(steps.schedule).__name__) == (0.0, "30%", "Cosine")
    assert all(word in (SalUn.__doc__ or "").partition("Departs:")[2] for word in ("5e-4", "10", "cosine"))
