"""Where a search looks: spaces from the types and ranges of fields, and what a user may name."""

from typing import Annotated

import numpy as np
import pytest
from pydantic import Field

import untrain as ut
from untrain.core import discovery
from untrain.core.describe import fields
from untrain.core.errors import SpecError
from untrain.core.fields import Keep
from untrain.core.search_space import Choices, Range, SearchHint
from untrain.core.spec import parse
from untrain.experiments.search.space import drawn_of, search_fields, space, start_of, value_of, with_values
from untrain.unlearners.base import Unlearner


def draws(chosen, rng):
    def one(at):
        if isinstance(at, Choices):
            return repr(at.values[rng.integers(len(at.values))])
        u = rng.random()
        raw = at.low * (at.high / at.low) ** u if at.log else at.low + (at.high - at.low) * u
        return int(np.clip(round(raw), at.low, at.high)) if at.whole else float(np.clip(raw, at.low, at.high))

    return {name: one(at) for name, at in chosen.items()}


def expressions():
    unlearners = [place.name for place in discovery.of_role("unlearner")]
    localized = [f"{unlearners[0]} @ {place.name}" for place in discovery.of_role("localizer")]
    return [*unlearners, *(place.name for place in discovery.of_role("recipe")), *localized]


@pytest.mark.parametrize("text", expressions())
def test_whatever_is_drawn_of_every_field_of_every_method_makes_a_spec(text):
    method, rng = parse(text), np.random.default_rng(0)
    chosen = {name: field.reach for name, field in search_fields(method).items() if field.reach is not None}
    for _ in range(50):
        made = with_values(method, draws(chosen, rng), chosen)
        assert parse(repr(made)) == made


@pytest.mark.parametrize("text", expressions())
def test_a_method_as_it_is_lies_in_what_is_searched_by_itself(text):
    method = parse(text)
    usual = {name: field.reach for name, field in search_fields(method).items() if field.usual}
    drawn = start_of(method, usual)
    assert drawn is not None
    assert with_values(method, drawn, usual) == method


@pytest.mark.parametrize(
    ("text", "usual"),
    [
        ("DEL", ["keep", "steps.lr"]),
        ("NegGrad", ["alpha", "steps.lr"]),
        ("ResetFinetune @ WeightedGrad", ["steps.lr", "localizer.keep"]),
        ("ResetFinetune @ RandomMask", ["steps.lr", "localizer.like.keep"]),
    ],
)
def test_numbers_of_methods_and_step_sizes_are_searched_by_themselves(text, usual):
    assert list(space(parse(text))) == usual


def test_a_step_size_is_searched_by_factors_and_told_by_three_digits():
    at = space(parse("Finetune"))["steps.lr"]
    assert at.log
    assert value_of(at, 0.0123456) == 0.0123


@pytest.mark.parametrize(
    ("over", "chosen"),
    [
        ("lr", {"steps.lr": Range(1e-4, 1.0, log=True)}),
        ("steps.lr=1e-3..0.1", {"steps.lr": Range(1e-3, 0.1, log=True)}),
        ("keep=0.1..0.5", {"localizer.keep": Range(0.1, 0.5, log=True)}),
        ("momentum=0..0.9", {"steps.optimizer.momentum": Range(0.0, 0.9)}),
        ("reset=fresh,perturb", {"reset": Choices(("fresh", "perturb"))}),
        ("epochs=10%..50%", {"steps.epochs": Range(10, 50, log=True, whole=True, unit="%")}),
        ("epochs=1..5", {"steps.epochs": Range(1, 5, log=True, whole=True)}),
        ("epochs=30%,4", {"steps.epochs": Choices(("30%", 4))}),
        ("optimizer=SGD(decay=0.1, momentum=0.5),AdamW", {"steps.optimizer": Choices((ut.SGD(0.5, 0.1), ut.AdamW()))}),
        ("nesterov", {"steps.optimizer.nesterov": Choices((False, True))}),
    ],
)  # fmt: skip
def test_fields_ranges_and_choices_can_be_named(over, chosen):
    assert space(parse("ResetFinetune @ WeightedGrad"), [over]) == chosen


@pytest.mark.parametrize(
    ("method", "over", "told"),
    [
        ("DEL", ["step.lr"], "no such field; did you mean 'steps.lr'"),
        ("DEL", ["kep=0.1..1"], "did you mean 'keep'"),
        ("DEL", ["localizer.per"], "written as ResetFinetune"),
        ("DEL", ["keep=0..1"], "keep=0.0: should be greater than 0"),
        ("DEL", ["keep=0.5..2"], "keep=2.0: should be less than or equal to 1"),
        ("DEL", ["keep=0.5..0.1"], "the first end must be below the second"),
        ("DEL", ["keep=0.5"], "write LOW..HIGH"),
        ("DEL", ["keep=a..b"], "are not numbers"),
        ("DEL", ["keep=0.1,0.1"], "several values"),
        ("DEL", ["batch=1.5..3"], "whole numbers"),
        ("DEL", ["steps"], "name one of its fields"),
        ("DEL", ["keep", "keep=0.1..1"], "twice"),
        ("DEL", ["momentum", "steps.optimizer=SGD,AdamW"], "go against each other"),
        ("RandomLabel", ["draw=stepp,once"], "draw='stepp': should be 'step' or 'once'"),
        ("Nothing", [], "no field that is searched by itself"),
        ("ResetFinetune @ RandomMask", ["localizer.like=3,4"], "like=3"),
    ],
)
def test_what_cannot_be_searched_is_told_in_one_line(method, over, told):
    with pytest.raises(SpecError, match=told.replace("(", r"\(")) as error:
        space(parse(method), over)
    assert "\n" not in str(error.value)


class Twice(Unlearner):
    """Made of two of a kind.

    Args:
        first: one.
        then: the other.

    Source: made up.
    """

    first: ut.Steps = ut.Steps()
    then: ut.Steps = ut.Steps()

    def unlearn(self, model, problem):
        """The model as it came."""
        return model


def test_a_short_name_of_several_fields_is_refused():
    with pytest.raises(SpecError, match="several fields that end so"):
        space(Twice(), ["lr"])


def test_a_hint_restricts_nobody_and_is_not_told_as_a_range():
    assert ut.Steps(lr=50.0).lr == 50.0
    assert drawn_of(Range(1e-4, 1.0), 50.0) is None
    told = fields(ut.Steps)
    assert (told["lr"]["type"], told["lr"]["range"], told["epochs"]["range"]) == ("float", "(0, inf)", "[0, inf)")


def test_bounds_that_somebody_narrows_go_before_the_hint_of_the_type():
    class Narrow(Unlearner):
        keep: Annotated[Keep, Field(le=0.2)] = 0.1
        count: Annotated[int, Field(ge=1)] = 8
        weight: Annotated[float, Field(ge=0)] = 2.0
        none: Annotated[float, Field(ge=0)] = 0.0

        def unlearn(self, model, problem):
            return model

    held = {name: field.reach for name, field in search_fields(Narrow()).items()}
    assert held["keep"].high == 0.2
    assert held["keep"].low > 0
    assert held["count"] == Range(2, 32, log=True, whole=True)
    assert held["weight"] == Range(0.2, 20.0, log=True)
    assert held["none"] is None


def test_a_number_of_a_method_that_is_marked_so_is_searched_where_it_is_named_and_nowhere_else():
    class Costly(Unlearner):
        weight: Annotated[float, Field(ge=0)] = 2.0
        samples: Annotated[int, Field(ge=1), SearchHint(10, 1000, log=True, asked=True)] = 100

        def unlearn(self, model, problem):
            return model

    assert list(space(Costly())) == ["weight"]
    assert space(Costly(), ["samples"]) == {"samples": Range(10, 1000, log=True, whole=True)}
