"""Endpoints give one value per model, and say why one cannot be had."""

import numpy as np
import pytest

from untrain.evaluation.observation import Observation
from untrain.evaluation.protocols.endpoints import endpoints
from untrain.evaluation.protocols.protocol import ENDPOINTS


@pytest.fixture
def seen(planted):
    """Some models on so many examples of each side."""

    def make(models, sizes=(20, 30, 30), **more):
        return planted.noisy(models, planted.sides(*sizes), **more)

    return make


def named(found):
    return {e.name: e for e in found}


def test_each_endpoint_has_a_value_per_model(seen):
    ours, theirs = seen(3), seen(6, seed=1)
    found, lacks = endpoints(ours, theirs)
    assert [e.name for e in found] == list(ENDPOINTS)
    assert lacks == {}
    assert {(len(e.ours), len(e.theirs)) for e in found} == {(3, 6)}
    by_name, test = named(found), np.asarray(ours.side) == "test"
    accuracy = (np.asarray(ours.logits).argmax(2) == ours.labels)[:, test].mean(1)
    np.testing.assert_allclose(by_name["test"].ours, accuracy)
    loss = ours.at(np.flatnonzero(np.asarray(ours.side) == "forget")).signal("loss").mean(1)
    np.testing.assert_allclose(by_name["forget"].ours, np.log(loss), rtol=1e-6)


def test_models_that_are_surer_of_the_forget_set_gain_and_have_less_loss(seen):
    found = named(endpoints(seen(5, boost=3.0), seen(8, seed=1))[0])
    assert found["attack"].ours.min() > found["attack"].theirs.max()
    assert found["forget"].ours.max() < found["forget"].theirs.min()
    assert found["attack"].about.above == "remembers"


@pytest.mark.parametrize("oracles", [1, 5])
def test_an_attack_takes_six_retrained_models_and_says_so(seen, oracles):
    found, lacks = endpoints(seen(3), seen(oracles, seed=1))
    assert [e.name for e in found] == ["forget", "test", "retain"]
    assert set(lacks) == {"attack", "distance", "example"}
    assert set(lacks.values()) == {f"it takes 6 retrained models, and there {'is' if oracles == 1 else 'are'} {oracles}"}


@pytest.mark.parametrize("forget", [1, 2, 3])
def test_few_forget_examples_will_do(seen, forget):
    found, lacks = endpoints(seen(3, (forget, 9, 9)), seen(6, (forget, 9, 9), seed=1))
    assert len(found) == 6
    assert lacks == {}
    assert all(np.isfinite(e.ours).all() and np.isfinite(e.theirs).all() for e in found)


@pytest.mark.parametrize(("sizes", "name"), [((9, 0, 9), "retain"), ((9, 9, 0), "test")])
def test_a_side_without_examples_lacks_its_endpoint(seen, sizes, name):
    found, lacks = endpoints(seen(3, sizes), seen(6, sizes, seed=1))
    assert name not in named(found)
    assert lacks == {name: f"there are no {name} examples, or no loss of them is known"}


def test_margins_alone_give_losses_in_place_of_accuracies(planted):
    draw, side = np.random.default_rng(0), planted.sides(9, 9, 9)
    no, ids = np.zeros(27, dtype=int), np.arange(27)
    ours, theirs = (Observation({"margin": draw.normal(size=(m, 27))}, no, no, side, ids) for m in (3, 6))
    found = named(endpoints(ours, theirs)[0])
    assert list(found) == list(ENDPOINTS)
    assert [found[name].about.unit for name in ("forget", "test", "retain")] == ["nats"] * 3


def test_one_model_for_every_seed_is_compared_by_examples(seen):
    one = seen(1, seed=1).of_models([0, 0, 0, 0])
    found, lacks = endpoints(seen(2), one)
    assert [e.name for e in found] == ["forget", "test", "retain"]
    assert all(e.error > 0 and np.ptp(e.theirs) == 0 and len(e.theirs) == 4 for e in found)
    assert all("do not differ" in why for why in lacks.values())
    alone = seen(1, (1, 1, 1), seed=1).of_models([0, 0])
    found, lacks = endpoints(seen(2, (1, 1, 1)), alone)
    assert found == []
    assert set(lacks) == set(ENDPOINTS)
    assert "one example does not show" in lacks["forget"]


def test_sure_models_keep_their_order_in_loss(planted):
    side, labels = planted.sides(4, 4, 4), np.zeros(12, dtype=int)
    sure = [planted.observed(np.stack([np.full((1, 12), boost), np.zeros((1, 12))], -1), labels, side) for boost in (40.0, 60.0)]
    found = named(endpoints(sure[0], sure[1])[0])
    assert found["forget"].ours[0] - found["forget"].theirs[0] == pytest.approx(20, abs=0.01)
