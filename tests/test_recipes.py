"""Papers' names and the expressions that they stand for."""

import pytest

from untrain.core.spec import parse
from untrain.core.steps import Steps
from untrain.promises.trial import small
from untrain.recipes import DEL, CFk, EUk, SalUn

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


@pytest.mark.parametrize("recipe", [DEL, SalUn, CFk, EUk])
def test_steps_reach_the_unlearner(recipe):
    assert recipe(steps=Steps(lr=0.5)).expand().unlearner.steps.lr == 0.5


def test_salun_departs_from_its_authors_as_it_says():
    steps = SalUn().steps
    assert (steps.optimizer.decay, steps.epochs, type(steps.schedule).__name__) == (0.0, "30%", "Cosine")
    assert all(word in (SalUn.__doc__ or "").partition("Departs:")[2] for word in ("5e-4", "10", "cosine"))


@pytest.mark.parametrize(("recipe", "unlearner"), [(CFk, "Finetune"), (EUk, "ResetFinetune")])
def test_goels_baselines_move_the_last_layers_and_no_other(recipe, unlearner):
    assert type(recipe().expand().unlearner).__name__ == unlearner
    model, problem = small()
    outcome = recipe(layers=2, steps=Steps(lr=0.05, epochs=1, batch=16)).run(model, problem)
    before = dict(model.named_parameters())
    moved = {n for n, p in outcome.model.named_parameters() if not p.equal(before[n])}
    # The last convolution, its batch norm, the head.
    assert moved == {"7.weight", "8.weight", "8.bias", "12.weight", "12.bias"}


def test_resetting_the_last_layers_begins_anew_there_and_finetuning_does_not():
    model, problem = small()
    steps = Steps(lr=1e-6, epochs=1)
    far, near = (recipe(steps=steps).run(model, problem).guard.moved_norm for recipe in (EUk, CFk))
    assert far > 0.5
    assert near < 1e-4
