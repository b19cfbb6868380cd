import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax

from trials import TrialObservations, score
from untrain.evaluation.base import Prepared
from untrain.evaluation.metrics.jensenshannon import JensenShannon
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.intervals import compare
from untrain.evaluation.scoring.resampling import number


def test_it_is_scipys_distance_of_each_model_to_the_mean_of_the_oracles(planted):
    side = planted.sides(6, 5, 4)
    ours, theirs = planted.noisy(3, side, boost=1, seed=1), planted.noisy(7, side, seed=2)
    p, mean = softmax(ours.logits.astype(float), -1), softmax(theirs.logits.astype(float), -1).mean(0)
    expected = jensenshannon(p, np.broadcast_to(mean, p.shape), axis=-1)
    found = score(JensenShannon(), TrialObservations(ours, ours, theirs), draws=20)
    for name in ("forget", "retain", "test"):
        assert found[f"js_{name}"].value == pytest.approx(expected[:, side == name].mean(), abs=1e-6)


def test_models_that_share_no_answer_lie_as_far_apart_as_can_be(planted):
    side = planted.sides(3, 3, 3)
    ours, theirs = (planted.observed(np.broadcast_to(1000 * np.eye(2)[at], (4, 9, 2)), np.zeros(9, int), side) for at in (0, 1))
    s = score(JensenShannon(), TrialObservations(ours, ours, theirs), draws=5)["js_forget"]
    assert s.value == pytest.approx(np.sqrt(np.log(2)))


def test_one_answer_of_all_models_is_no_distance(planted):
    side = planted.sides(3, 3, 3)
    seen = planted.observed(np.broadcast_to(planted.confident(np.linspace(0.1, 0.9, 9))[0], (4, 9, 2)), np.zeros(9, int), side)
    s = score(JensenShannon(), TrialObservations(seen, seen, seen), draws=5)
    assert s["js_test"].value == pytest.approx(0, abs=1e-7)


def test_a_coin_among_oracles_that_are_sure_of_either(planted):
    # Half of the oracles are sure of each class: their mean is the coin itself.
    side = planted.sides(2, 2, 2)
    sure = np.repeat([[1000.0, 0.0], [0.0, 1000.0]], [2, 2], axis=0)[:, None, :] * np.ones((1, 6, 1))
    oracle = planted.observed(sure, np.zeros(6, int), side)
    coin = planted.observed(np.zeros((1, 6, 2)), np.zeros(6, int), side)
    assert score(JensenShannon(), TrialObservations(oracle, coin, oracle), draws=5)["js_forget"].value == pytest.approx(0, abs=1e-7)


@given(st.permutations(range(4)), st.permutations(range(9)))
def test_order_does_not_matter(models, examples):
    draw = np.random.default_rng(0).normal(size=(2, 4, 9, 3))
    side = np.repeat(["forget", "retain", "test"], 3)
    made = JensenShannon()

    def ready(logits, at):
        seen = Observation.of_logits(
            logits[:, at].astype(np.float32), np.zeros(9, int), np.zeros(9, int), side[at], np.arange(9)[at]
        )
        return made.prepare(seen)

    plain = made.evaluate(Prepared(ready(draw[0], np.arange(9)), ready(draw[1], np.arange(9)), side, False))
    turned = made.evaluate(Prepared(ready(draw[0][models], examples), ready(draw[1][models], examples), side[examples], False))
    assert {n: number(m) for n, m in turned.items()} == pytest.approx({n: number(m) for n, m in plain.items()}, abs=1e-12)


def test_the_ideal_is_that_of_oracles_against_others(planted):
    side = planted.sides(80, 10, 10)
    ours, theirs = planted.noisy(4, side, seed=1), planted.noisy(8, side, seed=2)
    s = score(JensenShannon(), TrialObservations(ours, ours, theirs), draws=50)["js_forget"]
    assert s.ideal == s.floor
    assert s.floor > s.value, "a mean of four oracles is farther than a mean of eight"
    assert s.low <= s.value <= s.high


def test_without_examples_of_a_side_there_is_a_reason(planted):
    seen = planted.noisy(3, planted.sides(4, 0, 4))
    assert (
        score(JensenShannon(), TrialObservations(seen, seen, seen), draws=5)["js_retain"].reason == "there are no retain examples"
    )


def test_answers_that_are_no_numbers_give_a_reason(planted):
    oracle = planted.noisy(20, planted.sides(9, 3, 9))
    ready = {name: JensenShannon().prepare(oracle) for name in ("original", "unlearned", "oracle")}
    ready["unlearned"] = np.stack([*ready["unlearned"]])
    ready["unlearned"][2, 4] = np.nan
    assert all("not finite" in s.reason for s in compare(JensenShannon(), ready, oracle, draws=5).values())
