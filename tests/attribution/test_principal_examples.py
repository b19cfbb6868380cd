"""Ends of principal components of a table of attributions."""

import tracemalloc

import numpy as np
import pytest

from untrain.attribution.principal_examples import component_scores, component_scores_of_models, principal_examples
from untrain.core.errors import DataError
from untrain.maths.principal_components import principal_components


def groups():
    """A table in which examples 0 to 9 push outputs along one direction, 10 to 14 against another, and the rest do nothing much."""
    rng = np.random.default_rng(0)
    table = 0.1 * rng.normal(size=(60, 40))
    one, two = np.linalg.qr(rng.normal(size=(40, 2)))[0].T
    table[:10] += 6 * one
    table[10:15] -= 4 * two
    return table


@pytest.mark.parametrize("component", [1, 2, 3])
def test_scores_are_coordinates_along_the_principal_components(component):
    table = groups()
    components = principal_components(table, 3)
    expected = (table - components.mean) @ components.directions[component - 1]
    scores = component_scores(table, component)
    assert np.abs(scores) == pytest.approx(np.abs(expected), abs=1e-8)
    assert scores.max() == np.abs(scores).max()


def test_planted_groups_are_at_the_ends():
    table = groups()
    assert principal_examples(table, 10).tolist() == list(range(10))
    assert principal_examples(table, 5, component=2).tolist() == list(range(10, 15))
    both = principal_examples(table, 7, component=2, end="both")
    scores = component_scores(table, 2)
    order = np.argsort(scores)
    assert sorted(both.tolist()) == sorted([*order[-4:].tolist(), *order[:3].tolist()])
    assert principal_examples(table, 3, component=2, end="bottom").tolist() == sorted(order[:3].tolist())


def test_the_sign_of_the_table_changes_no_top():
    assert principal_examples(-groups(), 10).tolist() == principal_examples(groups(), 10).tolist()


def test_the_same_examples_are_chosen_each_time_and_in_any_order():
    table = groups()
    turn = np.random.default_rng(1).permutation(60)
    assert np.sort(turn[principal_examples(table[turn], 10)]).tolist() == principal_examples(table, 10).tolist()
    assert np.array_equal(component_scores(table, 2), component_scores(table, 2))


@pytest.mark.parametrize(("words", "said"), [
    ({"count": 0}, "count=0: 1 to 60 examples"), ({"count": 61}, "1 to 60 examples"), ({"component": 40}, "components 1 to 39"),
    ({"component": 0}, "components 1 to 39"), ({"end": "left"}, "one of top, bottom, both"),
])  # fmt: skip
def test_what_is_not_there_is_refused(words, said):
    with pytest.raises(DataError, match=said):
        principal_examples(groups(), **{"count": 5, **words})


def test_tables_that_cannot_be_taken_apart_are_refused():
    with pytest.raises(DataError, match="finite numbers"):
        component_scores(np.full((5, 5), np.nan))
    with pytest.raises(DataError, match="fewer than 2 principal components"):
        component_scores(np.outer(np.arange(5.0), np.ones(5)), 2)


def population(n, models, t=None):
    """Outputs of models on n examples, and what they saw, as of a table of effects of which one half of the examples has a part."""
    rng = np.random.default_rng(n)
    seen = rng.random((models, n)) < 0.5
    return (rng.normal(size=(models, t or n)) + seen[:, : n // 2].sum(1)[:, None] * rng.normal(size=t or n)), seen


@pytest.mark.parametrize("component", [1, 3])
@pytest.mark.parametrize(("models", "t"), [(24, 40), (90, 40), (24, 70)])
def test_scores_by_factors_are_those_of_the_table(models, t, component):
    outputs, seen = population(40, models, t)
    means = [np.array([outputs[side[:, i]].mean(0) for i in range(40)]) for side in (seen, ~seen)]
    table = means[0] - means[1]
    assert component_scores_of_models(outputs, seen, component) == pytest.approx(component_scores(table, component), abs=1e-8)


def test_of_many_examples_the_table_is_never_made():
    outputs, seen = population(3000, 32)
    tracemalloc.start()
    component_scores_of_models(outputs, seen)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3000 * 3000  # bytes: an eighth of the table


def test_more_components_than_there_are_directions_are_refused():
    outputs, seen = population(40, 6)
    seen[3:] = ~seen[:3]  # each is seen, and missed
    with pytest.raises(DataError, match="fewer than 7 principal components"):
        component_scores_of_models(outputs, seen, 7)
    with pytest.raises(DataError, match="NaN or infinite numbers"):
        component_scores_of_models(outputs * np.nan, seen)
