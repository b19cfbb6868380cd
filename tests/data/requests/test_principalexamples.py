"""Requests by a principal component of what examples do."""

import numpy as np
import pytest

import untrain as ut
from untrain import parse
from untrain.attribution.memorization import mean_differences
from untrain.attribution.principal_examples import principal_examples
from untrain.core.errors import RequestError
from untrain.data.requests.principalexamples import PrincipalExamples
from untrain.data.requests.resolve import request
from untrain.experiments.draw_request import chooser
from untrain.experiments.populations.subsets import Subsets
from untrain.experiments.setting import Setting
from untrain.runtime.store import Store

SCENARIO = "Digits(model=MLP(width=8), steps=Steps(lr=0.1, epochs=2, batch=64), request={})"


def held(*values, name="component 1"):
    return ut.examples(np.zeros((len(values), 1)), [0, 1] * (len(values) // 2), columns={name: list(values)})


def test_each_end_and_both_are_taken():
    data = held(0.5, -3.0, 2.0, 0.0, -1.0, 1.0)
    for end, rows in (("top", [2, 5]), ("bottom", [1, 4]), ("both", [1, 2])):
        assert PrincipalExamples(end=end, fraction=1 / 3).draw(data).tolist() == rows


def test_another_component_reads_another_column():
    data = held(0.5, -3.0, 2.0, 0.0, name="component 2")
    assert PrincipalExamples(component=2, fraction=0.25).draw(data).tolist() == [2]
    with pytest.raises(RequestError, match="no column 'component 1' to draw by: give it, or let a run draw the request"):
        PrincipalExamples(fraction=0.25).draw(data)


@pytest.mark.parametrize(("values", "fraction", "why"), [
    ((1.0, np.nan, 0.0, 2.0), 0.5, "something that is not a finite number"),
    ((1.0, 2.0, 3.0, 4.0), 0.01, "is 0: some, and not all"),
    ((1.0, 2.0, 3.0, 4.0), 1.0, "is 4: some, and not all"),
])  # fmt: skip
def test_what_cannot_be_ranked_or_taken_is_refused(values, fraction, why):
    with pytest.raises(RequestError, match=why):
        PrincipalExamples(fraction=fraction).draw(held(*values))


def test_a_run_draws_by_the_matrix_of_its_own_ensemble(tmp_path):
    by = PrincipalExamples(fraction=0.05, models=32)
    scenario = parse(SCENARIO.format(repr(by)))
    data, store = scenario.load(), Store(tmp_path)
    chosen = chooser(store, Setting())(scenario, data)
    population = ut.train_subsets(scenario.learner(), data.train, data.test, Subsets(models=32), store=store)
    table = mean_differences(population.signal("margin")[:, : len(data.train)], population.seen)
    assert list(chosen.forget_set.rows) == principal_examples(table, round(0.05 * len(data.train))).tolist()
    assert "two halves of them agree on" in chosen.facts["told"]
    assert 0 <= chosen.facts["agreement"] <= 1


def test_memorization_and_components_share_one_ensemble(tmp_path):
    store = Store(tmp_path)
    for by in ("Memorized(fraction=0.05, models=16)", "PrincipalExamples(fraction=0.05, models=16, component=2)"):
        scenario = parse(SCENARIO.format(by))
        chooser(store, Setting())(scenario, scenario.load())
    assert [row["kind"] for row in store.entries()].count("member") == 16


def test_without_models_it_cannot_be_drawn():
    with pytest.raises(RequestError, match="no column"):
        request(parse("Digits()").load().train, PrincipalExamples())
