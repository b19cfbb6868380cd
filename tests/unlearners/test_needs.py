"""Methods see what they name and no more, and what they name is all that they need."""

from dataclasses import replace
from typing import ClassVar

import pytest
import torch

from untrain.commands import promises
from untrain.core import discovery
from untrain.core.errors import DataError, RequestError
from untrain.core.spec import parse
from untrain.localizers.base import Localizer
from untrain.models.state import same, state
from untrain.training.descend import descend
from untrain.training.steps import Constant, Steps
from untrain.training.toy import small
from untrain.unlearners.base import Localized, Recipe, Unlearner
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.gradascent import GradAscent
from untrain.unlearners.nothing import Nothing

STEPS = Steps(lr=0.01, epochs=2, batch=16, schedule=Constant())
FOUND = [promises.example(discovery.load(place.name)) for place in discovery.of_role("unlearner", "recipe", "localizer")]
VARIED = [
    parse(text)
    for text in (
        "WeightedGrad(on='all')",
        "CriticalNeurons(beside='retain')",
        "RandomMask(like=WeightMagnitude())",
        "RandomMask(like=Gradient(on='all'))",
        "SCRUB(rewind=True)",
        "GradAscent(steps=Steps(lr=0.001, epochs=1, buffers='reestimate'))",
        "GradAscent @ Shallowest",
        "BadTeacher @ Deepest",
        "FisherNoise @ WeightMagnitude",
        "JiT @ RandomMask",
        "ProjectedGradient(covariance='retain', steps=Steps(lr=0.05, epochs=2, buffers='freeze'))",
        "ProjectedGradient(stop='retain_drop', steps=Steps(lr=0.05, epochs=2, buffers='freeze'))",
    )
]


def posed(made):
    """A model of the kind that a method works on, and a problem with all that a method may ask for."""
    model, problem = small(getattr(made, "works_on", torch.nn.Module))
    return model, replace(problem, valid=problem.retain)


def result(made, model, problem):
    """Tensors of the mask or the model that a method makes."""
    torch.manual_seed(0)
    return made(model, problem).bits if isinstance(made, Localizer) else state(made(model, problem))


@pytest.mark.parametrize("made", FOUND + VARIED, ids=repr)
def test_what_a_method_names_is_all_that_it_needs(made):
    model, problem = posed(made)
    given = problem.only(made.needed())
    assert (given.retain is not None) == ("retain" in made.needed())
    assert (given.valid is not None) == ("valid" in made.needed())
    assert (len(given.forget.fields) == 2) == ("labels" in made.needed())
    found, wanted = result(made, model, given), result(made, model, problem)
    assert found.keys() == wanted.keys()
    assert all(same(value, wanted[name]) for name, value in found.items())


def test_methods_that_do_without_the_retain_set_are_known():
    without = {type(made).__name__ for made in FOUND if "retain" not in made.needed()}
    assert {"GradAscent", "Nothing", "WeightedGrad", "Gradient", "Deepest", "RandomMask", "WeightMagnitude"} <= without
    assert not {"Finetune", "NegGrad", "SSD", "Fisher", "DEL"} & without


def test_a_part_of_what_is_named_is_missed():
    # Names are not empty words: without one of them each of these fails.
    for made, lacking in ((Finetune(steps=STEPS), "retain"), (GradAscent(steps=STEPS), "labels"), (parse("Fisher()"), "retain")):
        model, problem = small()
        with pytest.raises((RequestError, DataError)):
            made(model, problem.only(made.needed() - {lacking}))


def test_without_a_retain_set_gradient_ascent_runs():
    model, problem = small()
    forgot = GradAscent(steps=replace(STEPS, buffers="freeze"))(model, replace(problem, retain=None))
    before, after = (float(problem.task.loss(m, problem.forget).mean().detach()) for m in (model, forgot))
    assert after > before


@pytest.mark.parametrize("made", [Finetune(steps=STEPS), Finetune(steps=STEPS) @ parse("Deepest"), parse("DEL"), parse("Fisher")])
def test_without_a_retain_set_who_needs_one_is_refused_in_a_line_before_anything_moves(made):
    model, problem = small()
    before = state(model)
    with pytest.raises(
        RequestError, match=r"the problem has no retain set, and this method needs one: take a method that works without"
    ) as told:
        made(model, replace(problem, retain=None))
    assert "\n" not in str(told.value)
    assert all(same(value, before[name]) for name, value in state(model).items())


class Peeks(Unlearner):
    """Reads labels of the forget set without naming them.

    Source: planted.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget"})

    steps: Steps = STEPS
    of_batches: bool = False

    def unlearn(self, model, problem):
        """The model after a step on labels."""
        if not self.of_batches:
            return problem.forget.y
        plan = problem.forget_batches(self.steps)
        return descend(model, lambda batch: problem.task.loss(model, batch).mean(), plan, self.steps, problem.trainable)


@pytest.mark.parametrize("of_batches", [False, True])
def test_who_reads_labels_without_naming_them_is_refused_in_a_clear_line(of_batches):
    with pytest.raises(DataError, match=r"^these examples have no targets: a method that takes them names 'labels' in its needs,"):
        Peeks(of_batches=of_batches)(*small())


class Strays(Unlearner):
    """Walks the retain set without naming it.

    Source: planted.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels"})

    def unlearn(self, model, problem):
        """Nothing: there is no retain set to walk."""
        return problem.retain_batches(STEPS)


def test_who_walks_the_retain_set_without_naming_it_is_refused_in_a_clear_line():
    with pytest.raises(RequestError, match=r"^this method needs the retain set, and the problem has none$"):
        Strays()(*small())


def test_an_expression_needs_what_its_parts_need():
    joined = parse("BadTeacher @ WeightedGrad")
    assert isinstance(joined, Localized)
    assert joined.needed() == frozenset({"forget", "retain", "labels", "divergence"})
    assert (Nothing() @ parse("WeightMagnitude")).needed() == frozenset()
    recipe = parse("SalUn")
    assert isinstance(recipe, Recipe)
    assert recipe.needed() == recipe.expand().needed()


def test_statistics_that_are_reestimated_need_the_retain_set():
    moved, averaged = (GradAscent(steps=replace(STEPS, buffers=buffers)).needed() for buffers in ("move", "reestimate"))
    assert averaged - moved == {"retain"}
    assert GradAscent(steps=replace(STEPS, buffers="reestimate")).run(*small()).guard.moved_share > 0
