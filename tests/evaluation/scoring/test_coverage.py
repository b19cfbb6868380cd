"""Intervals hold a truth that is known: accuracies up to 0.998, few examples and models, examples that come in clusters."""

from functools import lru_cache

import numpy as np
import pytest

from trials import TrialObservations, score
from untrain.evaluation.attacks.thresholdmia import ThresholdMIA
from untrain.evaluation.base import Formula, Measure, Part, Rate, ScoreInfo
from untrain.evaluation.metrics.accuracy import Accuracy
from untrain.evaluation.metrics.aus import AUS
from untrain.evaluation.metrics.klom import KLoM
from untrain.evaluation.metrics.tugofwar import TugOfWar
from untrain.evaluation.observation import SIDES, Observation
from untrain.evaluation.scoring.intervals import _interval, compare
from untrain.evaluation.scoring.rare_errors import padded
from untrain.maths.divergence import histogram_kl

SHARE, GAP = (ScoreInfo("", "fraction", "", "", low=low, high=1.0) for low in (0.0, -1.0))
TIMES = 100


def right(draw, truth, examples, models, alike, cluster=1):
    """Whether each of some models is right on each of some examples, (m, n); ``alike`` says how far they agree."""
    count = examples // cluster
    if alike == 0:
        easy = np.full(count, truth)
    elif alike == 1:
        easy = (draw.uniform(size=count) < truth).astype(float)
    else:
        rest = (1 - alike) / alike
        easy = draw.beta(truth * rest, (1 - truth) * rest, size=count)
    return (draw.uniform(size=(models, count * cluster)) < np.repeat(easy, cluster)).astype(float)


def share_of(draw, truth, examples, models, alike, cluster=1):
    """How often the interval of an accuracy holds the truth."""
    held = 0
    owners = {"forget": np.arange(examples // cluster).repeat(cluster)} if cluster > 1 else {}
    for _ in range(TIMES):
        table = right(draw, truth, examples, models, alike, cluster)
        s = _interval(Measure((Part(1, "unlearned", "forget", table),)), SHARE, 200, 0, owners)
        held += s.low <= truth <= s.high
    return held / TIMES


@pytest.mark.parametrize("truth", [0.5, 0.9, 0.98, 0.992, 0.998])
@pytest.mark.parametrize(("examples", "models"), [(30, 1), (60, 3), (60, 10), (300, 3)])
def test_an_accuracy_is_held_nineteen_times_in_twenty_also_near_one(truth, examples, models):
    draw = np.random.default_rng(0)
    for alike in (0.3, 1.0):
        assert share_of(draw, truth, examples, models, alike) >= 0.93 - 2 * np.sqrt(0.95 * 0.05 / TIMES)


@pytest.mark.parametrize("truth", [0.5, 0.9, 0.992])
def test_of_near_duplicates_whole_owners_are_drawn(truth):
    assert share_of(np.random.default_rng(1), truth, 150, 3, 1.0, cluster=5) >= 0.89


def test_a_gap_between_accuracies_near_one_is_held_where_the_sample_shows_none():
    draw, held = np.random.default_rng(2), 0
    for _ in range(TIMES):
        ours, theirs = right(draw, 0.98, 60, 3, 1.0), right(draw, 0.998, 60, 6, 1.0)
        s = _interval(Measure((Part(1, "oracle", "forget", theirs), Part(-1, "unlearned", "forget", ours))), GAP, 200, 0)
        held += s.low <= 0.018 <= s.high
    assert held >= 0.89 * TIMES


def test_no_interval_of_a_share_is_a_point():
    all_right = np.ones((3, 60))
    s = _interval(Measure((Part(1, "unlearned", "forget", all_right),)), SHARE, 200, 0)
    assert s.high == 1
    assert 0.9 < s.low < 0.96  # 2 of 60 may be wrong, by Agresti and Coull, and more as three models say little of others
    found = _interval(Rate("unlearned", all_right, np.zeros((3, 200)), 0.01), SHARE, 200, 0)
    assert found.low == pytest.approx(0.94, abs=0.005)  # Wilson's of 60 of 60
    apart = _interval(Measure((Part(1, "oracle", "test", all_right), Part(-1, "unlearned", "test", all_right))), GAP, 200, 0)
    assert apart.low < -0.01 < 0.01 < apart.high


def test_an_area_of_one_has_an_interval_too(planted):
    side = planted.sides(40, 40, 40)
    ours, oracle = planted.noisy(3, side, 40.0, 1), planted.noisy(8, side, 0.0, 2)
    ready = {name: ThresholdMIA().prepare(each) for name, each in {"unlearned": ours, "oracle": oracle}.items()}
    area = compare(ThresholdMIA(), ready, oracle, 200)["mia_loss_auc"]
    assert area.value == pytest.approx(1.0)
    assert area.low < 0.97


def clustered(draw, models, clusters, size, boost, owner=True):
    """Outputs on clusters of near-duplicates, surer by ``boost`` on the forget set."""
    side = np.repeat(["forget", "retain", "test"], clusters * size)
    n = len(side)
    base = np.repeat(draw.normal(size=(3 * clusters, 2)), size, axis=0)
    logits = base + 0.1 * draw.normal(size=(models, n, 2))
    labels = np.zeros(n, dtype=int)
    logits[..., 0] += 1 + boost * (side == "forget")
    owners = np.arange(n) // size
    seen = Observation.of_logits(logits, labels, labels, side, np.arange(n))
    return Observation(seen.outputs, labels, labels, side, seen.ids, owner=owners if owner else None)


@pytest.mark.slow
def test_areas_of_near_duplicates_are_held_where_their_owners_are_given():
    """The truth is one half: forget and test clusters are of one law. Taken one by one, the examples hold it far less often."""
    held = {True: 0, False: 0}
    for at in range(60):
        for owner in held:
            draw = np.random.default_rng(at)
            seen = clustered(draw, 3, 12, 5, 0.0, owner)
            ready = {"unlearned": ThresholdMIA().prepare(seen), "oracle": ThresholdMIA().prepare(seen)}
            s = compare(ThresholdMIA(), ready, seen, 200)["mia_loss_auc"]
            held[owner] += s.low <= 0.5 <= s.high
            assert s.resampled == ("models and owners" if owner else "models and examples")
    assert held[True] >= 0.88 * 60
    assert held[False] < 0.85 * 60


def test_owners_of_one_example_each_change_nothing():
    seen = clustered(np.random.default_rng(3), 3, 20, 1, 1.0)
    ready = {"unlearned": Accuracy().prepare(seen), "oracle": Accuracy().prepare(seen)}
    alone = Observation(seen.outputs, seen.labels, seen.true, seen.side, seen.ids)
    assert compare(Accuracy(), ready, seen, 50) == compare(Accuracy(), ready, alone, 50)


COMPUTED = {"tug_of_war": TugOfWar(), "aus": AUS(), "aus_classes": AUS()}


def agreeing(draw, count, side, labels, accuracies):
    """Models that answer alike, as they do near 1: an observation of logits."""
    right = draw.uniform(size=len(side)) < np.array([accuracies[each] for each in side])
    logits = np.zeros((count, len(side), 2), np.float32)
    logits[..., 0] = np.where(right == (labels == 0), 6.0, -6.0)
    return Observation.of_logits(
        logits + draw.normal(size=logits.shape).astype("f4") / 10, labels, labels, side, np.arange(len(side))
    )


@pytest.mark.parametrize("name", COMPUTED)
def test_what_is_computed_from_shares_near_one_is_held_and_is_no_point(name):
    draw, n, held = np.random.default_rng(3), 60, []
    side = np.repeat(["forget", "retain", "test"], n)
    # Where whole classes are forgotten, class 1 is; half of the test examples are of it.
    labels = np.zeros(3 * n, int)
    if name == "aus_classes":
        labels[:n], labels[-n // 2 :] = 1, 1
    ours, theirs = {"forget": 0.98, "retain": 0.998, "test": 0.99}, dict.fromkeys(SIDES, 0.998)
    truth = {
        "tug_of_war": 0.982 * 1.0 * 0.992,
        "aus": (1 + 0.99 - 0.998) / (1 + 0.01),
        "aus_classes": (1 + 0.99 - 0.998) / (1 + 0.99),
    }[name]
    for _ in range(60):
        start, first, second = (agreeing(draw, m, side, labels, at) for m, at in ((3, theirs), (3, ours), (6, theirs)))
        found = score(COMPUTED[name], TrialObservations(start, first, second), draws=200)[name]
        assert found.high - found.low > 0.01
        assert found.low <= found.value <= found.high
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) >= 0.93


def test_terms_on_the_same_examples_get_the_same_pseudo_examples():
    right = np.array([[1.0, 1, 1, 0]] * 3)
    gain = Measure((Part(1, "unlearned", "test", right), Part(-1, "unlearned", "test", np.ones_like(right))))
    alone = Measure((Part(1, "unlearned", "test", right),))
    longer, owners = padded(Formula((gain, alone), lambda a, b: a / b, "fraction"), "ratio", {"test": np.array([0, 0, 1, 1])})
    assert {part.values.shape for term in longer.terms for part in term.parts} == {(3, 12)}
    assert owners["test"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert padded(Formula((gain, alone), lambda a, b: a / b), "fraction", {}) is None


@lru_cache(maxsize=1)
def floor_of_klom():
    """KLoM of 10,000 examples where the unlearned models are retrained ones, 50 of each kind."""
    draw = np.random.default_rng(0)
    tables = (draw.normal(size=(50, 10_000)) for _ in range(2))
    return histogram_kl(**dict(zip("pq", tables, strict=True)))[0]


@pytest.mark.parametrize("examples", [20, 100])
def test_the_95th_percentile_of_klom_is_held_and_never_lies_where_no_value_can(examples):
    values, info, draw, held = floor_of_klom(), KLoM.scores["klom_forget_p95"], np.random.default_rng(3), 0
    truth = float(np.quantile(values, 0.95))
    for _ in range(400):
        few = draw.choice(values, examples)
        s = _interval(Measure((Part(1, "both", "forget", few[None]),), quantile=0.95), info, 1000, 0)
        held += s.low <= truth <= s.high
        assert few.min() <= s.low <= s.value <= s.high <= np.log(1e5)
    assert 0.93 <= held / 400 < 1
