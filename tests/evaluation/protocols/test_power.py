"""The power of a design: what is told beforehand is what then happens, and the smallest design is the smallest."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from untrain.evaluation.protocols.endpoints import ABOUT, Endpoint
from untrain.evaluation.protocols.margin_test import judge
from untrain.evaluation.protocols.power import ENOUGH, MOST, Law, candidates, law_of, narrowest, power_of, smallest, usual_law
from untrain.evaluation.protocols.protocol import ENDPOINTS, Margin, Protocol

ALONE = Law({"forget": 1.0}, np.eye(1), {"forget": 0}, 20)


def drawn(names, models, seed=0):
    draw = np.random.default_rng(seed)
    return [Endpoint(name, ABOUT[name], np.zeros(1), draw.normal(size=models)) for name in names]


@pytest.mark.parametrize(("m", "k"), [(1, 19), (3, 6), (5, 10)])
def test_what_is_told_of_one_endpoint_is_what_then_happens(m, k):
    protocol, draw, tries = Protocol(forget=Margin(2.5)), np.random.default_rng(1), 800
    told = power_of(protocol, m, k, ALONE, draws=8000).passes / 0.95
    values = draw.normal(size=(tries, m + k))
    judged = [judge(Endpoint("forget", ABOUT["forget"], v[:m], v[m:]), protocol.margins["forget"], 0.05, 1) for v in values]
    share = np.mean([j.says == "within" for j in judged])
    assert abs(share - told) <= 4 * np.sqrt(told * (1 - told) * (1 / tries + 1 / 8000))


def test_power_grows_with_models_and_with_margins():
    protocol, law = Protocol(), usual_law()
    powers = [power_of(protocol, n, 2 * n, law) for n in (3, 5, 10, 20)]
    for less, more in pairwise(powers):
        assert less.passes < more.passes + 0.02
        assert less.detects <= more.detects
    assert powers[0].passes < powers[-1].passes - 0.2
    by_margin = [power_of(Protocol(s), 5, 10, law).passes for s in ("strict", "standard", "screening")]
    assert by_margin == sorted(by_margin)
    assert by_margin[0] < by_margin[-1]


def test_a_larger_leak_is_easier_to_find():
    found = [power_of(Protocol(leak=leak), 5, 10, ALONE).detects for leak in (0.5, 1.5, 3.0, 8.0)]
    assert found == sorted(found)
    assert found[0] < 0.2
    assert found[-1] > 0.95


def test_the_smallest_design_has_enough_and_none_that_is_cheaper_does():
    protocol, law, weight = Protocol(), usual_law(), 2.0
    found = smallest(protocol, law, weight=weight)
    assert min(round(found.passes, 2), found.detects) >= ENOUGH
    price = found.models * weight + found.oracles
    cheaper = [(m, k) for m, k in candidates() if m > 1 and m * weight + k < price]
    assert cheaper
    assert not any(power_of(protocol, m, k, law, draws=1000).enough for m, k in cheaper)


def test_of_a_fixed_number_of_unlearned_models_only_retrained_ones_are_added():
    found = smallest(Protocol(), usual_law(), models=1)
    assert (found.models, found.enough) == (1, True)
    assert found.oracles > 10


def test_margins_that_no_number_of_models_resolves_have_no_design():
    narrow = Margin(spreads=0.05)
    protocol = Protocol(attack=narrow, forget=narrow, example=narrow, test=narrow, retain=narrow)
    assert smallest(protocol, usual_law()) is None
    assert narrowest(Protocol(test=narrow), None, usual_law()) == "test"
    law = Law({"test": 0.05}, np.eye(1), {"test": -1}, 10)
    assert smallest(Protocol(test=Margin(absolute=0.001)), law) is None, "an absolute margin far below what models differ by"
    assert smallest(Protocol(test=Margin(absolute=0.2)), law) is not None


@pytest.mark.parametrize("oracles", [1, 2])
def test_too_few_retrained_models_pass_nothing(oracles):
    assert power_of(Protocol("screening"), 5, oracles, usual_law()).passes == 0


def test_retrained_models_that_do_not_differ_pass_a_perfect_one_for_sure():
    law = Law({"test": 0.0, "forget": 0.0}, np.eye(2), {"test": -1, "forget": 0}, 19)
    assert power_of(Protocol(), 1, 19, law).passes == pytest.approx(0.95), "but for false alarms of the other scores"


def test_the_law_has_spreads_and_draws_correlations_of_few_models_towards_none():
    names = ("forget", "test")
    few, many = law_of(drawn(names, 5)), law_of(drawn(names, 4000))
    assert few.spreads["test"] == pytest.approx(drawn(names, 5)[1].theirs.std(ddof=1))
    assert abs(few.correlation[0, 1]) <= 0.5
    twins = [replace(e, theirs=drawn(names, 4000)[0].theirs) for e in drawn(names, 4000)]
    assert law_of(twins).correlation[0, 1] > 0.99
    assert abs(many.correlation[0, 1]) < 0.1
    flat = [replace(e, theirs=np.ones(6)) for e in drawn(names, 6)]
    assert law_of(flat).correlation.tolist() == np.eye(2).tolist()
    assert law_of([]).spreads == {}


def test_the_usual_law_knows_no_spread_and_the_direction_of_each_endpoint():
    law = usual_law()
    assert set(law.spreads) == set(ENDPOINTS)
    assert set(law.spreads.values()) == {None}
    assert law.ways == {"attack": 0, "distance": 1, "forget": 0, "example": 1, "test": -1, "retain": -1}
    assert max(k for _, k in candidates()) == max(m for m, _ in candidates()) == MOST
